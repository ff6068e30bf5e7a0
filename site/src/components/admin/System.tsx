import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';

import { Button } from '@/components/ui/button';
import { Card } from '@/components/ui/card';
import { Input } from '@/components/ui/field';
import { Rows, Td } from '@/components/ui/table';
import { failure, useList } from '@/hooks/use-list';
import { api, type Budget, type Health, must, type Quarantined } from '@/lib/admin';

import { EventBody } from './EventBody';
import { Act, Empty, Facts, Failed, Go, Listed, Skeleton, Tag, Time, to } from './parts';

const bytes = (n: number): string => (n < 1e6 ? `${(n / 1e3).toFixed(1)} kB` : `${(n / 1e6).toFixed(1)} MB`);
const of = ({ used, limit }: { used: number; limit: number | null }): string => (limit === null ? `${used}` : `${used} of ${limit}`);

function ThisNode({ health: h }: { health: Health }) {
  const { database: d, journal: j } = h;

  return (
    <Card>
      <div className="flex flex-wrap items-center justify-between gap-3">
        <h2 className="font-display text-xl font-bold">This node</h2>
        <Tag of={h.status} tone={h.status === 'ok' ? 'good' : 'bad'} />
      </div>
      <div className="mt-4">
        <Facts
          of={[
            ['Version', h.version],
            ['Database', d.connected ? 'connected' : (d.error ?? 'not connected')],
            ['Schema', d.schema !== undefined && `${d.schema}${d.schema === d.schema_needed ? '' : `, ${d.schema_needed} is needed`}`],
            ['Synchronous replication', d.synchronous_replication === undefined ? '' : d.synchronous_replication ? 'yes' : 'no'],
            ['Waits to be stored', `${h.store.waiting} events, ${bytes(h.store.bytes)}`],
            ['Journal', j && `${j.files} files, ${j.records} records, ${bytes(j.bytes)}${j.writable ? '' : ', not writable'}`],
            ['Damaged in the journal', j && String(j.damaged)],
            [
              'In quarantine',
              d.quarantined !== undefined && (
                <a key="q" className="link" href="#quarantine">
                  {d.quarantined}
                </a>
              )
            ],
            ['Fetched later', d.repairs_open !== undefined && `${d.repairs_open} conversations wait for it`],
            ['Orders that nobody knows', d.orders_unknown !== undefined && String(d.orders_unknown)],
            ['Nodes that are silent', d.silent_nodes?.map((n) => n.id).join(', ')],
            ['Months that are missing', d.missing_months?.join(', ')]
          ]}
        />
      </div>
      {d.log && d.log.cursors.length > 0 && (
        <div className="mt-5">
          <Rows label="Readers of the log" columns={['Reader of the log', 'Behind', 'For', 'Missed']}>
            {d.log.cursors.map((c) => (
              <tr key={c.name}>
                <Td>{c.name}</Td>
                <Td className="tabular-nums">{c.events ?? '–'} events</Td>
                <Td className="tabular-nums">{c.seconds ?? '–'} s</Td>
                <Td className="tabular-nums">{c.missed ?? '–'}</Td>
              </tr>
            ))}
          </Rows>
        </div>
      )}
    </Card>
  );
}

const span = (seconds: number): string => (seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`);

// Each as it was heard of last, with when its secrets were last needed.
function Nodes() {
  const told = useQuery({
    queryKey: ['nodes'],
    queryFn: ({ signal }) => must(api.GET('/api/admin/nodes', { signal })),
    refetchInterval: 10_000
  });
  const nodes = told.data?.nodes;

  return (
    <section aria-labelledby="nodes" className="flex flex-col gap-4">
      <h2 id="nodes" className="font-display text-xl font-bold">
        Nodes
      </h2>
      <Failed error={failure(told.error)} />
      {!nodes && told.isFetching && <Skeleton lines={2} />}
      {nodes?.length === 0 && <Empty>No node has a journal, by which it would be known.</Empty>}
      {nodes && nodes.length > 0 && (
        <Rows label="Nodes" columns={['Node', 'Version', 'Heard of', 'Journal', 'Secrets, and when each was last needed']}>
          {nodes.map((n) => (
            <tr key={n.id} data-row data-node={n.id}>
              <Td>
                <span className="break-all">{n.id}</span> {n.silent && <Tag of="silent" tone="bad" />} {n.clash && <Tag of="twice" tone="bad" />}
              </Td>
              <Td>{n.version ?? '–'}</Td>
              <Td>
                <Time iso={n.heard} />
              </Td>
              <Td className="tabular-nums">
                {n.journal.files === 0 ? 'empty' : `${n.journal.files} files, ${bytes(n.journal.bytes)}`}
                {n.journal.age > 0 && `, for ${span(n.journal.age)}`}
                {n.journal.damaged + n.journal.unreadable > 0 && (
                  <span className="block text-danger-ink">damaged: {n.journal.damaged + n.journal.unreadable}</span>
                )}
              </Td>
              <Td>
                <ul className="flex flex-col gap-1">
                  {n.keys.map((k) => (
                    <li key={`${k.scheme} ${k.id}`} data-key={k.id}>
                      <span className="font-semibold break-all">{k.id}</span> of {k.scheme}:{' '}
                      {k.used_at ? <Time iso={k.used_at} /> : 'not since the node was started'}
                    </li>
                  ))}
                </ul>
              </Td>
            </tr>
          ))}
        </Rows>
      )}
    </section>
  );
}

function Limits({ budget: b }: { budget: Budget }) {
  return (
    <Card>
      <h2 className="font-display text-xl font-bold">Budget</h2>
      <div className="mt-4">
        <Facts
          of={[
            [
              'Calls that go on',
              <Go key="a" to={to('conversations', { status: 'active' })}>
                {of(b.active)}
              </Go>
            ],
            ['In the line', of(b.waiting)],
            ['Conversations of the day', of(b.day)],
            ['Minutes of the month', `${of(b.minutes)}, ${b.minutes.reserved} reserved`],
            ['A visitor a day', b.visitor_day.limit === null ? 'as many as they like' : String(b.visitor_day.limit)],
            ['The day ends', <Time key="u" iso={b.until} />],
            ['Tavus itself', b.tavus_full === null ? '–' : b.tavus_full ? 'has no place' : 'has places']
          ]}
        />
      </div>
    </Card>
  );
}

function Buckets() {
  const [key, setKey] = useState('');
  const told = useQuery({
    queryKey: ['limits', key],
    enabled: key !== '',
    queryFn: ({ signal }) => must(api.GET('/api/admin/limits', { params: { query: { key } }, signal }))
  });

  return (
    <Card>
      <h2 className="font-display text-xl font-bold">Limits of a visitor</h2>
      <form
        className="mt-4 flex max-w-xl gap-2"
        onSubmit={(e: FormEvent<HTMLFormElement>) => {
          e.preventDefault();
          setKey(String(new FormData(e.currentTarget).get('key')).trim());
        }}
      >
        <Input name="key" aria-label="Address of the visitor" placeholder="203.0.113.9" />
        <Button type="submit">Look</Button>
      </form>
      <Failed error={failure(told.error)} />
      {told.data && (
        <div className="mt-4 flex flex-col gap-3">
          <Rows label="Buckets" columns={['Zone', 'Left', 'Full in']}>
            {told.data.limits.map((l) => (
              <tr key={l.zone}>
                <Td>
                  {l.zone}
                  {l.shared && <span className="text-muted"> (of all together)</span>}
                </Td>
                <Td className="tabular-nums">
                  {l.remaining} of {l.capacity} {l.unit}
                </Td>
                <Td className="tabular-nums">{l.full_in} s</Td>
              </tr>
            ))}
          </Rows>
          <Act
            label="Fill them"
            act={() => must(api.DELETE('/api/admin/limits', { params: { query: { key } }, body: {} }))}
            ask={{
              title: 'Fill the buckets of this visitor?',
              text: 'They may ask again at once, at this node. What all have together is left as it is.',
              yes: 'Fill them'
            }}
            done={() => 'They are full'}
          />
        </div>
      )}
    </Card>
  );
}

const RELEASE: Record<string, string> = {
  as_it_is: 'can be released as it is',
  beside: 'can be released beside the other one',
  if_fit: 'can be released if it is fit now',
  foreign: 'names a conversation of somebody else',
  not_a_webhook: 'is no webhook',
  never: 'cannot be released',
  too_long: 'is too long',
  unknown_reason: 'is there for a reason that this version does not know'
};

function Quarantine() {
  const list = useList<Quarantined>(['quarantine'], async (cursor, limit, signal) => {
    const page = await must(api.GET('/api/admin/quarantine', { params: { query: { limit, ...(cursor && { cursor }) } }, signal }));
    return { rows: page.events, next: page.next_cursor };
  });

  return (
    <section aria-labelledby="quarantine" className="flex flex-col gap-4">
      <h2 id="quarantine" className="font-display text-xl font-bold">
        Quarantine
      </h2>
      <Listed list={list} empty="Nothing was set aside.">
        {(rows) => (
          <ul className="flex flex-col gap-3" aria-label="Set aside">
            {rows.map((e) => {
              const path = { id: e.quarantine.id };

              return (
                <li key={e.quarantine.id} data-row className="rounded-card border border-line bg-surface p-5">
                  <div className="flex flex-wrap items-baseline justify-between gap-3">
                    <p className="font-semibold">
                      {e.event_type ?? 'No type'} <span className="font-normal text-muted">of {e.source}</span>
                    </p>
                    <Time iso={e.received_at} />
                  </div>
                  <p className="text-danger-ink">
                    {e.quarantine.reason}; it {RELEASE[e.quarantine.release]}.
                  </p>
                  <details className="mt-2">
                    <summary className="link w-fit cursor-pointer">What came</summary>
                    <div className="mt-2">
                      <EventBody event={e} />
                    </div>
                  </details>
                  <div className="mt-3 flex flex-wrap gap-2">
                    {['as_it_is', 'beside', 'if_fit'].includes(e.quarantine.release) && (
                      <Act
                        label="Release it"
                        act={() => must(api.POST('/api/admin/quarantine/{id}/release', { params: { path }, body: {} }))}
                        done={(r) => (r.released ? 'It is an event now' : r.duplicate ? 'It is one already' : 'It was erased')}
                      />
                    )}
                    <Act
                      label="Delete it"
                      act={() => must(api.DELETE('/api/admin/quarantine/{id}', { params: { path }, body: {} }))}
                      ask={{ title: 'Delete what was set aside?', text: 'It is stored nowhere else. There is no way back.', yes: 'Delete it' }}
                    />
                  </div>
                </li>
              );
            })}
          </ul>
        )}
      </Listed>
    </section>
  );
}

export function System() {
  const health = useQuery({
    queryKey: ['health'],
    // 503 has the same answer
    queryFn: async ({ signal }) => {
      const { data, error } = await api.GET('/healthz', { params: { query: { full: '' } }, signal });
      return (data ?? error) as Health;
    },
    refetchInterval: 10_000
  });
  const budget = useQuery({ queryKey: ['budget'], queryFn: ({ signal }) => must(api.GET('/api/admin/budget', { signal })), refetchInterval: 15_000 });
  const seen = health.data && 'database' in health.data;

  return (
    <>
      {!health.data && health.isFetching && <Skeleton lines={4} />}
      {seen && <ThisNode health={health.data} />}
      {health.data && !seen && <Empty>This node does not tell its health here: see what may ask for /healthz in nginx.conf.</Empty>}
      <Nodes />
      {budget.data && <Limits budget={budget.data} />}
      <Failed error={failure(budget.error)} />
      <Buckets />
      <Quarantine />
    </>
  );
}
