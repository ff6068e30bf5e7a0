import { useQuery } from '@tanstack/react-query';

import { Card } from '@/components/ui/card';
import { Rows, Td } from '@/components/ui/table';
import { failure, useList } from '@/hooks/use-list';
import { useFilters } from '@/hooks/use-url';
import { api, type Delivery, type Destination, must, type Query } from '@/lib/admin';

import { Act, Empty, Facts, Failed, Go, Listed, Skeleton, Tag, Time, to } from './parts';
import { type Filter, Search } from './Search';

const FILTERS: readonly Filter[] = [
  { name: 'destination', label: 'Destination' },
  { name: 'state', label: 'State', options: ['waiting', 'dead'] }
];

const many = (n: number): string => (n > 10_000 ? 'over 10,000' : n.toLocaleString('en-GB'));

function Place({ of: d }: { of: Destination }) {
  return (
    <Card data-destination={d.name}>
      <div className="flex flex-wrap items-center justify-between gap-3">
        <h2 className="font-display text-xl font-bold">{d.name}</h2>
        <Tag of={d.state} />
      </div>
      {d.reason && <p className="mt-1 text-danger-ink">{d.reason}</p>}
      <div className="mt-4">
        <Facts
          of={[
            ['Kind', d.kind],
            ['Delivered', d.delivered.toLocaleString('en-GB')],
            ['Behind', d.lag ? `${many(d.lag.events)} events, ${d.lag.seconds} s` : '–'],
            ['Waiting', d.waiting ? <Go to={to('deliveries', { destination: d.name, state: 'waiting' })}>{many(d.waiting)}</Go> : '0'],
            ['Dead', d.dead ? <Go to={to('deliveries', { destination: d.name, state: 'dead' })}>{many(d.dead)}</Go> : '0'],
            ['Missed', d.missed ? many(d.missed) : '0'],
            ['It said last', d.said],
            ['At', <Time key="s" iso={d.said_at} />],
            ['Paused until', <Time key="p" iso={d.paused_until} />]
          ]}
        />
      </div>
      {(d.waiting > 0 || d.dead > 0 || d.state === 'stopped') && (
        <div className="mt-4">
          <Act
            label="Send all again"
            act={() => must(api.POST('/api/admin/deliveries/retry', { params: { query: { destination: d.name } }, body: {} }))}
            ask={{
              title: `Send all of ${d.name} again?`,
              text: 'What waits and what is dead goes again, 1,000 of each at a time; the destination may get some of it twice.',
              yes: 'Send it again'
            }}
            done={(r) => `${r.retried} go again${r.more ? '; there are more' : ''}`}
          />
        </div>
      )}
    </Card>
  );
}

export function Deliveries() {
  const filters = useFilters<Query<'listDeliveries'>>('destination', 'state');
  const places = useQuery({
    queryKey: ['destinations'],
    queryFn: ({ signal }) => must(api.GET('/api/admin/deliveries', { params: { query: { limit: 1 } }, signal })),
    refetchInterval: 15_000
  });
  const list = useList<Delivery>(['deliveries', filters], async (cursor, limit, signal) => {
    const page = await must(api.GET('/api/admin/deliveries', { params: { query: { ...filters, limit, ...(cursor && { cursor }) } }, signal }));
    return { rows: page.deliveries, next: page.next_cursor };
  });

  return (
    <>
      <Failed error={failure(places.error)} />
      {!places.data && places.isFetching && <Skeleton lines={3} />}
      {places.data &&
        (places.data.destinations.length ? (
          <div className="grid gap-4 lg:grid-cols-2">
            {places.data.destinations.map((d) => (
              <Place key={d.name} of={d} />
            ))}
          </div>
        ) : (
          <Empty>Nothing is configured that events would go on to.</Empty>
        ))}
      <h2 className="font-display text-xl font-bold">What failed by itself</h2>
      <Search filters={FILTERS} hint="destination:posthog state:dead" />
      <Listed list={list} empty="Nothing waits, and nothing is dead.">
        {(rows) => (
          <Rows label="Deliveries" columns={['Changed', 'Destination', 'Event', 'State', 'Why', 'Tries', 'Again']}>
            {rows.map((d) => (
              <tr key={d.id} data-row data-delivery={d.id}>
                <Td>
                  <Time iso={d.changed_at} />
                </Td>
                <Td>{d.destination}</Td>
                <Td>
                  <Go to={to('event', { id: d.event_id })}>{d.event_type ?? d.event_id}</Go>
                </Td>
                <Td>
                  <Tag of={d.state} />
                </Td>
                <Td>{[d.reason, d.status].filter(Boolean).join(', ') || '–'}</Td>
                <Td className="tabular-nums">{d.tries}</Td>
                <Td>
                  <span className="flex flex-wrap items-center gap-2">
                    {d.state === 'waiting' && <Time iso={d.due_at} />}
                    <Act
                      label="Now"
                      act={() => must(api.POST('/api/admin/deliveries/{id}/retry', { params: { path: { id: d.id } }, body: {} }))}
                      done={() => 'It goes again'}
                    />
                  </span>
                </Td>
              </tr>
            ))}
          </Rows>
        )}
      </Listed>
    </>
  );
}
