import { useInfiniteQuery } from '@tanstack/react-query';

import { Button } from '@/components/ui/button';
import { Card } from '@/components/ui/card';
import { failure } from '@/hooks/use-list';
import { go } from '@/hooks/use-url';
import { api, type ConversationDetail, type Line, must, type OtherLine } from '@/lib/admin';

import { EventTable } from './EventTable';
import { Act, Facts, Failed, Go, Skeleton, Tag, Time, to } from './parts';
import { Transcript } from './Transcript';

const body = {};

// The transcript beside the timeline; a long one, and a long timeline, go on from page to page.
export function OneConversation({ id }: { id: string }) {
  const path = { id };
  const told = useInfiniteQuery({
    queryKey: ['conversation', id],
    initialPageParam: {} as { after?: string; transcript_from?: number },
    queryFn: ({ pageParam, signal }) =>
      must(api.GET('/api/admin/conversations/{id}', { params: { path, query: pageParam }, signal })) as Promise<ConversationDetail>,
    getNextPageParam: (last) =>
      last.transcript_next ? { transcript_from: last.transcript_next } : last.events_after && last.events.length ? { after: last.events_after } : undefined
  });
  const pages = told.data?.pages ?? [];
  const c = pages[0];
  const said = pages.flatMap((p) => (p.transcript ?? []) as Line[]);
  const other = pages.flatMap((p) => (p.transcript_other ?? []) as OtherLine[]);
  const events = [...new Map(pages.flatMap((p) => [...p.events, ...(p.events_beyond ?? [])]).map((e) => [e.id, e])).values()].sort((a, b) =>
    a.id < b.id ? -1 : 1
  );

  return (
    <div aria-busy={told.isFetching} className="flex flex-col gap-6">
      <Go to={to('conversations')}>← All conversations</Go>
      <Failed error={failure(told.error)} />
      {!c && told.isFetching && <Skeleton lines={8} />}
      {c && (
        <>
          <Card>
            <div className="flex flex-wrap items-start justify-between gap-3">
              <div>
                <h2 className="font-display text-2xl font-bold break-words">{c.first_question ?? c.id}</h2>
                <p className="text-sm break-all text-muted">{c.id}</p>
              </div>
              <Tag of={c.outcome} />
            </div>
            <div className="mt-5">
              <Facts
                of={[
                  ['Vertical', c.vertical],
                  ['Created', <Time key="c" iso={c.createdAt} />],
                  ['Ended', <Time key="e" iso={c.endedAt} />],
                  ['Minutes', c.minutes],
                  ['Why it ended', c.shutdown_reason?.replaceAll('_', ' ')],
                  ['Persona', c.personaId],
                  ['Replica', c.replicaId],
                  ['Documents', c.documentTags.join(', ')],
                  ['Memory', c.memoryStores.join(', ')],
                  ['Campaign', [c.utm_source, c.utm_medium, c.utm_campaign].filter(Boolean).join(' / ')],
                  ['Session', c.session_id && <Go to={to('visitor', { key: c.session_id, kind: 'session' })}>{c.session_id}</Go>],
                  ['Recording', c.recording_event_id && <Go to={to('event', { id: c.recording_event_id })}>the event that tells of it</Go>],
                  ['Perception', c.perception_event_id && <Go to={to('event', { id: c.perception_event_id })}>what was seen</Go>],
                  ['Messages', c.leads && <Go to={to('inbox', { handled: 'all', conversation_id: c.id })}>{c.leads.length}</Go>],
                  [
                    'Orders',
                    c.orders && (
                      <span className="flex flex-wrap gap-1.5">
                        {c.orders.map((o) => (
                          <Go key={o.id} to={to('payments', { conversation_id: c.id, state: o.state })}>
                            {o.state}
                          </Go>
                        ))}
                      </span>
                    )
                  ],
                  [
                    'Deliveries',
                    c.deliveries && (
                      <span className="flex flex-wrap gap-1.5">
                        {c.deliveries.map((d) => (
                          <Go key={d.destination} to={to('deliveries', { destination: d.destination })}>
                            {d.destination}: {d.waiting} waiting, {d.dead} dead
                          </Go>
                        ))}
                      </span>
                    )
                  ]
                ]}
              />
            </div>
            <div className="mt-6 flex flex-wrap gap-2">
              {c.status === 'active' && (
                <Act
                  label="End it"
                  act={() => must(api.POST('/api/admin/conversations/{id}/end', { params: { path }, body }))}
                  ask={{ title: 'End this conversation?', text: 'Whoever is talking is cut off. There is no way back.', yes: 'End it' }}
                  done={() => 'It has ended'}
                />
              )}
              <Act
                label="Erase it"
                act={() => must(api.DELETE('/api/admin/conversations/{id}', { params: { path }, body }))}
                ask={{
                  title: 'Erase this conversation?',
                  text: 'All of its events and what was said are deleted, here and at Tavus. What its visitor wrote in the form, and orders, stay. There is no way back.',
                  yes: 'Erase it'
                }}
                after={(e) => go(to('erasure', { id: e.id }))}
              />
            </div>
          </Card>
          <div className="grid items-start gap-6 xl:grid-cols-2">
            <Transcript said={said} other={other} />
            <section aria-labelledby="timeline" className="flex min-w-0 flex-col gap-3">
              <h2 id="timeline" className="font-display text-xl font-bold">
                Timeline
              </h2>
              <EventTable events={events} brief />
            </section>
          </div>
          {told.hasNextPage && (
            <Button variant="outline" className="self-start" aria-busy={told.isFetchingNextPage} onClick={() => void told.fetchNextPage()}>
              It goes on
            </Button>
          )}
        </>
      )}
    </div>
  );
}
