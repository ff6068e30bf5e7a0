import { useQuery } from '@tanstack/react-query';

import { Card } from '@/components/ui/card';
import { failure } from '@/hooks/use-list';
import { go } from '@/hooks/use-url';
import { api, must, type Query } from '@/lib/admin';

import { EventTable } from './EventTable';
import { Act, Empty, Facts, Failed, Go, Skeleton, Tag, Time, to } from './parts';

type Kind = NonNullable<Query<'getVisitor'>['kind']>;

const names = (all: string[]): string => all.join(', ');

// All that is held of somebody, and its end.
export function OneVisitor({ name, kind }: { name: string; kind: string | undefined }) {
  const path = { key: name };
  const query = kind ? { kind: kind as Kind } : {};
  const told = useQuery({
    queryKey: ['visitor', name, kind],
    queryFn: ({ signal }) => must(api.GET('/api/admin/visitors/{key}', { params: { path, query }, signal }))
  });
  const v = told.data;
  const held = v && v.conversations.length + v.leads.length + v.orders.length + v.subscriptions.length + v.events.length + v.consents.length > 0;

  return (
    <div aria-busy={told.isFetching} className="flex flex-col gap-6">
      <h2 className="font-display text-2xl font-bold break-all">{name}</h2>
      <Failed error={failure(told.error)} />
      {!v && told.isFetching && <Skeleton />}
      {v && !held && <Empty>Nothing is held of this one.</Empty>}
      {v && (
        <>
          {held && (
            <Card>
              <Facts
                of={[
                  ['Addresses', names(v.emails)],
                  ['Sessions', names(v.sessions)],
                  ['Users', names(v.users)],
                  ['Customers at Stripe', names(v.stripe)],
                  ['Said of being counted', v.consents.map((c) => c.consent).join(', ')],
                  [
                    'Messages',
                    v.leads.length > 0 && v.emails[0] ? (
                      <Go to={to('inbox', { email: v.emails[0], handled: 'all' })}>{v.leads.length}</Go>
                    ) : (
                      v.leads.length || ''
                    )
                  ],
                  [
                    'Orders',
                    v.orders.length > 0 && v.emails[0] ? <Go to={to('payments', { email: v.emails[0] })}>{v.orders.length}</Go> : v.orders.length || ''
                  ],
                  ['Beside it, and not followed', names(v.related.map((r) => r.key))]
                ]}
              />
              {!v.complete && <p className="mt-4 text-muted">Not all was looked at yet: what comes now is still being read.</p>}
              {v.conversations.length > 0 && (
                <ul className="mt-5 flex flex-col gap-1.5" aria-label="Conversations">
                  {v.conversations.map((c) => (
                    <li key={c.id} className="flex flex-wrap gap-3">
                      <Go to={to('conversation', { id: c.id })}>{c.id}</Go> <Tag of={c.status} /> <Time iso={c.createdAt} />
                    </li>
                  ))}
                </ul>
              )}
            </Card>
          )}
          <div>
            <Act
              variant="danger"
              size="md"
              label="Erase this visitor"
              act={() => must(api.DELETE('/api/admin/visitors/{key}', { params: { path, query }, body: {} }))}
              ask={{
                title: 'Erase all that is held of them?',
                text: `${names([name, ...v.emails.filter((e) => e !== name)])}: conversations, messages, orders and events are deleted, here and at Tavus. What is elsewhere, the receipt tells. There is no way back.`,
                yes: 'Erase all of it'
              }}
              after={(e) => go(to('erasure', { id: e.id }))}
            />
          </div>
          {v.events.length > 0 && <EventTable events={v.events} />}
        </>
      )}
    </div>
  );
}

export function Receipt({ id }: { id: string }) {
  const told = useQuery({
    queryKey: ['erasure', id],
    queryFn: ({ signal }) => must(api.GET('/api/admin/erasures/{id}', { params: { path: { id } }, signal })),
    refetchInterval: (query) => (query.state.data?.state === 'running' ? 2_000 : false)
  });
  const e = told.data;

  return (
    <div className="flex flex-col gap-6">
      <Failed error={failure(told.error)} />
      {!e && told.isFetching && <Skeleton lines={3} />}
      {e && (
        <Card>
          <div className="flex flex-wrap items-center justify-between gap-3">
            <h2 className="font-display text-2xl font-bold">{e.state === 'done' ? 'Erased' : e.state === 'running' ? 'It is being erased…' : 'Not erased'}</h2>
            <Tag of={e.state} tone={e.state === 'done' ? 'good' : 'warm'} />
          </div>
          <div className="mt-5">
            <Facts
              of={[
                ['Asked for', <Time key="a" iso={e.asked_at} />],
                ['Done', <Time key="d" iso={e.done_at} />],
                ...Object.entries(e.erased).map(([what, n]) => [what.replaceAll('_', ' '), String(n)] as const)
              ]}
            />
          </div>
          {e.remains && e.remains.length > 0 && (
            <>
              <h3 className="mt-6 font-semibold">What is elsewhere, and yours to see to</h3>
              <ul className="mt-2 flex list-disc flex-col gap-1 ps-5">
                {e.remains.map((r) => (
                  <li key={r.where + r.what}>
                    {r.where}: {r.what}
                    {r.ids && ` (${r.ids.join(', ')})`}
                  </li>
                ))}
              </ul>
            </>
          )}
        </Card>
      )}
    </div>
  );
}
