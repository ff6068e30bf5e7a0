import { Rows, Td } from '@/components/ui/table';
import { useList } from '@/hooks/use-list';
import { useFilters } from '@/hooks/use-url';
import { api, must, type Order, type Query, type Subscription } from '@/lib/admin';

import { Go, Listed, Sums, Tag, Time, to } from './parts';
import { type Filter, Search } from './Search';

const FILTERS: readonly Filter[] = [
  { name: 'state', label: 'State', options: ['new', 'unknown', 'failed', 'open', 'processing', 'paid', 'unpaid', 'expired'] },
  { name: 'email', label: 'Address' },
  { name: 'conversation_id', label: 'Conversation' },
  { name: 'ours', label: 'Asked for here', options: ['true', 'false'] },
  { name: 'from', label: 'From', kind: 'moment' },
  { name: 'to', label: 'Before', kind: 'moment' }
];

export function Payments() {
  const { ours, ...asked } = useFilters<Omit<Query<'listOrders'>, 'ours'> & { ours?: string }>('state', 'email', 'conversation_id', 'ours', 'from', 'to');
  const filters = { ...asked, ...(ours && { ours: ours === 'true' }) };
  const orders = useList<Order>(['orders', filters], async (cursor, limit, signal) => {
    const page = await must(api.GET('/api/admin/orders', { params: { query: { ...filters, limit, ...(cursor && { cursor }) } }, signal }));
    return { rows: page.orders, next: page.next_cursor };
  });
  const subscriptions = useList<Subscription>(['subscriptions', filters.email], async (cursor, limit, signal) => {
    const page = await must(
      api.GET('/api/admin/subscriptions', { params: { query: { limit, ...(cursor && { cursor }), ...(filters.email && { email: filters.email }) } }, signal })
    );
    return { rows: page.subscriptions, next: page.next_cursor };
  });

  return (
    <>
      <Search filters={FILTERS} hint="state:paid email:ada@example.com" />
      <Listed list={orders} empty="No order fits these filters.">
        {(rows) => (
          <Rows label="Orders" columns={['Asked for', 'Plan', 'Amount', 'State', 'Paid', 'Who', 'Given back, disputed']}>
            {rows.map((o) => (
              <tr key={o.id} data-row data-order={o.id}>
                <Td>
                  <Time iso={o.created_at} />
                </Td>
                <Td>
                  {o.plan ?? '–'}
                  {!o.livemode && <span className="text-muted"> (test)</span>}
                </Td>
                <Td>
                  <Sums of={o.amount && [o.amount]} />
                </Td>
                <Td>
                  <Tag of={o.state} />
                  {o.reason && <span className="block text-sm text-muted">{o.reason}</span>}
                </Td>
                <Td>
                  <Time iso={o.paid_at} />
                </Td>
                <Td>
                  {o.email ? <Go to={to('visitor', { key: o.email })}>{o.email}</Go> : '–'}
                  {o.conversation_id && (
                    <span className="block">
                      <Go to={to('conversation', { id: o.conversation_id })}>the conversation</Go>
                    </span>
                  )}
                </Td>
                <Td>
                  <Sums of={o.refunded} />
                  {o.disputes.map((d) => (
                    <span key={d.id} className="block text-danger-ink">
                      disputed: {[d.status, d.reason].filter(Boolean).join(', ').replaceAll('_', ' ')}
                    </span>
                  ))}
                </Td>
              </tr>
            ))}
          </Rows>
        )}
      </Listed>
      <h2 className="font-display text-xl font-bold">Subscriptions</h2>
      <Listed list={subscriptions} empty="Nobody has subscribed.">
        {(rows) => (
          <Rows label="Subscriptions" columns={['Since', 'Plan', 'Status', 'Paid until', 'Who', 'Paid in all']}>
            {rows.map((s) => (
              <tr key={s.id} data-row data-subscription={s.id}>
                <Td>
                  <Time iso={s.created_at} />
                </Td>
                <Td>{s.plan ?? '–'}</Td>
                <Td>
                  <Tag of={s.failing ? 'failed' : s.paused ? 'paused' : s.status} />
                  {s.ends_at && (
                    <span className="block text-sm text-muted">
                      ends <Time iso={s.ends_at} style={{ dateStyle: 'medium' }} />
                    </span>
                  )}
                </Td>
                <Td>
                  <Time iso={s.period_end} style={{ dateStyle: 'medium' }} />
                </Td>
                <Td>{s.email ? <Go to={to('visitor', { key: s.email })}>{s.email}</Go> : '–'}</Td>
                <Td>
                  <Sums of={s.paid} />
                </Td>
              </tr>
            ))}
          </Rows>
        )}
      </Listed>
    </>
  );
}
