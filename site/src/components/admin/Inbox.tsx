import { ButtonLink } from '@/components/ui/button';
import { useList } from '@/hooks/use-list';
import { useFilters } from '@/hooks/use-url';
import { api, type Lead, must, type Query } from '@/lib/admin';

import { Act, Go, Listed, Tag, Time, to } from './parts';
import { type Filter, Search } from './Search';

const FILTERS: readonly Filter[] = [
  { name: 'email', label: 'Address' },
  { name: 'conversation_id', label: 'Conversation' },
  { name: 'handled', label: 'Seen to', options: ['all', 'true'] },
  { name: 'from', label: 'From', kind: 'moment' },
  { name: 'to', label: 'Before', kind: 'moment' }
];

// An answer in the owner's own mail program, with what was asked under it.
const reply = (lead: Lead): string =>
  `mailto:${encodeURIComponent(lead.email)}?${new URLSearchParams({
    subject: 'Re: your message',
    body: `\n\n${lead.name} wrote:\n${lead.message.replace(/^/gm, '> ')}`
  })
    .toString()
    .replaceAll('+', '%20')}`;

export function Inbox() {
  const { handled, ...asked } = useFilters<Omit<Query<'listLeads'>, 'handled'> & { handled?: string }>('email', 'conversation_id', 'handled', 'from', 'to');
  // what waits for somebody is what is looked for
  const seen = handled === 'all' ? undefined : handled === 'true';
  const filters = { ...asked, ...(seen !== undefined && { handled: seen }) };
  const list = useList<Lead>(['leads', filters], async (cursor, limit, signal) => {
    const page = await must(api.GET('/api/admin/leads', { params: { query: { ...filters, limit, ...(cursor && { cursor }) } }, signal }));
    return { rows: page.leads, next: page.next_cursor };
  });

  return (
    <>
      <Search filters={FILTERS} hint="email:ada@example.com handled:all" />
      <Listed list={list} empty={handled ? 'Nobody wrote.' : 'Nobody waits for an answer.'}>
        {(leads) => (
          <ul className="flex flex-col gap-4" aria-label="Messages">
            {leads.map((lead) => (
              <li key={lead.id} data-row data-lead={lead.id} className="rounded-card border border-line bg-surface p-6">
                <div className="flex flex-wrap items-baseline justify-between gap-x-6 gap-y-1">
                  <h2 className="text-lg font-bold">
                    {lead.name}
                    {lead.company && <span className="font-normal text-muted">, {lead.company}</span>}
                  </h2>
                  <Time iso={lead.created_at} />
                </div>
                <p className="text-sm text-muted">
                  {lead.email}
                  {lead.phone && ` · ${lead.phone}`}
                  {lead.utm_source && ` · came by ${lead.utm_source}`}
                </p>
                <p className="mt-3 max-w-prose break-words whitespace-pre-wrap">{lead.message}</p>
                <div className="mt-4 flex flex-wrap items-center gap-2">
                  <ButtonLink size="sm" href={reply(lead)}>
                    Reply by mail
                  </ButtonLink>
                  <Act
                    label={lead.handled ? 'Not handled after all' : 'Handled'}
                    act={() => must(api.PATCH('/api/admin/leads/{id}', { params: { path: { id: lead.id } }, body: { handled: !lead.handled } }))}
                    done={(l) => (l.handled ? 'Handled' : 'Waits again')}
                  />
                  {lead.conversation_id && <Go to={to('conversation', { id: lead.conversation_id })}>The conversation</Go>}
                  <Go to={to('visitor', { key: lead.email })}>All that is held</Go>
                  {lead.handled && (
                    <span className="text-sm text-muted">
                      <Tag of="handled" tone="good" /> by {lead.handled_by}, <Time iso={lead.handled_at} />
                    </span>
                  )}
                  {lead.orders.map((o) => (
                    <Go key={o.id} to={to('payments', { email: lead.email })}>
                      {o.plan ?? 'An order'}: {o.state}
                    </Go>
                  ))}
                </div>
              </li>
            ))}
          </ul>
        )}
      </Listed>
    </>
  );
}
