import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Pause, Play } from 'lucide-react';
import { useEffect, useMemo, useState } from 'react';

import { Button, ButtonLink } from '@/components/ui/button';
import { failure, useList } from '@/hooks/use-list';
import { useTail } from '@/hooks/use-tail';
import { useFilters, useUrl } from '@/hooks/use-url';
import { api, must, type Query, type SystemEvent } from '@/lib/admin';

import { EventBody } from './EventBody';
import { EventTable } from './EventTable';
import { Facts, Failed, Go, Listed, Skeleton, Tag, Time, to } from './parts';
import { type Filter, Search } from './Search';

const FILTERS: readonly Filter[] = [
  { name: 'type', label: 'Type', options: ['webhook', 'error', 'info', 'conversion'] },
  { name: 'source', label: 'Source', options: ['tavus', 'standard', 'stripe', 'server', 'browser'] },
  { name: 'event_type', label: 'Event' },
  { name: 'conversation_id', label: 'Conversation' },
  { name: 'from', label: 'From', kind: 'moment' },
  { name: 'to', label: 'Before', kind: 'moment' }
];
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const TAILED = ['type', 'source', 'event_type', 'conversation_id', 'q'];

const SAID = {
  connecting: 'Connecting…',
  live: 'Live',
  elsewhere: 'Live, by another tab',
  lost: 'The line is lost; trying again…',
  reset: 'The database was set back: what is shown may not exist'
} as const;

export function Events() {
  const [url, set] = useUrl();
  const client = useQueryClient();
  const [paused, setPaused] = useState(false);
  const filters = useFilters<Query<'listEvents'>>(...FILTERS.map((f) => f.name), 'q');
  const live = url.get('live') !== null;
  const query = new URLSearchParams(TAILED.flatMap((name) => (url.get(name) ? [[name, url.get(name)!]] : []))).toString();
  const { events, came, held, told } = useTail(live ? query : undefined, paused);
  const key = ['events', filters];
  const list = useList<SystemEvent>(key, async (cursor, limit, signal) => {
    const page = await must(api.GET('/api/admin/events', { params: { query: { ...filters, limit, ...(cursor && { cursor }) } }, signal }));
    return { rows: page.events, next: page.next_cursor, ...(page.searched_to && { searched_to: page.searched_to }) };
  });
  const rows = useMemo(() => {
    const known = new Set(list.rows?.map((e) => e.id));
    return [...events.filter((e) => !known.has(e.id)), ...(list.rows ?? [])];
  }, [events, list.rows]);
  const file = (format: string) => `/api/admin/events/export?${new URLSearchParams({ ...(filters as Record<string, string>), format })}`;

  // what came before the line stood is in the list that is asked for after it
  useEffect(() => {
    if (live && (told === 'live' || told === 'elsewhere')) void client.invalidateQueries({ queryKey: ['events'] });
  }, [live, told, client]);

  return (
    <>
      <Search
        filters={FILTERS}
        words="q"
        hint="Words, an event's id, or type:error source:stripe event_type:system.*"
        names={(words) => (ID.test(words) ? to('event', { id: words }) : undefined)}
      />
      <div className="flex flex-wrap items-center gap-2">
        <Button variant="outline" size="sm" aria-pressed={live} onClick={() => set({ live: live ? null : '1', to: null })}>
          {live ? 'Stop watching' : 'Watch live'}
        </Button>
        {live && (
          <>
            <Button variant="outline" size="sm" aria-pressed={paused} onClick={() => setPaused(!paused)}>
              {paused ? <Play aria-hidden="true" /> : <Pause aria-hidden="true" />}
              {paused ? 'Go on' : 'Pause'}
            </Button>
            <p role="status" className="text-muted" data-told={told}>
              {SAID[told]}
            </p>
            <p className="text-muted tabular-nums" data-count>
              {came.toLocaleString('en-GB')} came{held > 0 && `, ${held.toLocaleString('en-GB')} held`}
            </p>
          </>
        )}
        <ButtonLink variant="outline" size="sm" className="ms-auto" href={file('csv')} download>
          Export CSV
        </ButtonLink>
        <ButtonLink variant="outline" size="sm" href={file('ndjson')} download>
          Export NDJSON
        </ButtonLink>
      </div>
      <Listed list={list.rows ? { ...list, rows } : list} empty="No event fits these filters.">
        {(all) => <EventTable events={all} />}
      </Listed>
    </>
  );
}

export function OneEvent({ id }: { id: string }) {
  const path = { id };
  const told = useQuery({ queryKey: ['event', id], queryFn: ({ signal }) => must(api.GET('/api/admin/events/{id}', { params: { path }, signal })) });
  const e = told.data;

  return (
    <div aria-busy={told.isFetching} className="flex flex-col gap-6">
      <Go to={to('events')}>← All events</Go>
      <Failed error={failure(told.error)} />
      {!e && told.isFetching && <Skeleton />}
      {e && (
        <section className="flex flex-col gap-5 rounded-card border border-line bg-surface p-6">
          <div className="flex flex-wrap items-center justify-between gap-3">
            <h2 className="font-display text-2xl font-bold">{e.event_type ?? 'An event'}</h2>
            <Tag of={e.type} />
          </div>
          <Facts
            of={[
              ['Happened', <Time key="t" iso={e.timestamp} />],
              ['Received', <Time key="r" iso={e.received_at} />],
              ['Source', e.source],
              ['Conversation', e.conversationId && <Go to={to('conversation', { id: e.conversationId })}>{e.conversationId}</Go>],
              ['Verified by', e.verification && [e.verification.method, e.verification.key_id].filter(Boolean).join(', key ')],
              [
                'Id',
                <span key="i" className="break-all">
                  {e.id}
                </span>
              ],
              ['In quarantine', e.quarantine && <Go to={to('system')}>{e.quarantine.reason}</Go>]
            ]}
          />
          <EventBody event={e} whole />
        </section>
      )}
    </div>
  );
}
