import { RefreshCw } from 'lucide-react';
import { useEffect, useReducer } from 'react';

import { Button, buttonLook } from '@/components/ui/button';
import { Card } from '@/components/ui/card';
import { Table, Td, Th } from '@/components/ui/table';
import { CONVERSATION_FILTERS, type ConversationDetail, type ConversationPage, EVENT_FILTERS, type EventPage, type Page, PAGE, search } from '@/lib/admin';

import { EventRows } from './EventList';
import { type Filter, Filters } from './Filters';
import { Empty, Failed, Go, StatusBadge, Time } from './parts';
import { Transcript } from './Transcript';
import { type Asking, useAsk } from '@/hooks/use-ask';
import { useUrl } from '@/hooks/use-url';

const EVENTS: readonly Filter[] = [
  { name: 'type', label: 'Type', options: ['webhook', 'error', 'info', 'conversion'] },
  { name: 'source', label: 'Source', options: ['tavus', 'standard', 'stripe', 'server', 'browser'] },
  { name: 'event_type', label: 'Event' },
  { name: 'conversation_id', label: 'Conversation' },
  { name: 'q', label: 'Text', type: 'search' },
  { name: 'from', label: 'From (UTC)', type: 'datetime-local' },
  { name: 'to', label: 'Before (UTC)', type: 'datetime-local' }
];

const CONVERSATIONS: readonly Filter[] = [
  { name: 'status', label: 'Status', options: ['active', 'ended'] },
  { name: 'vertical', label: 'Vertical', options: ['healthcare', 'legal', 'ecommerce', 'general'] },
  { name: 'from', label: 'From (UTC)', type: 'datetime-local' },
  { name: 'to', label: 'Before (UTC)', type: 'datetime-local' }
];

// A page of a list, and the way on.
function query(path: string, url: URLSearchParams, names: readonly string[]): string {
  const q = new URLSearchParams();

  for (const name of [...names, 'cursor']) {
    const value = url.get(name);
    if (value) q.set(name, value);
  }
  q.set('limit', String(PAGE));
  return `${path}?${q}`;
}

function Pages({ page, busy, first }: { page: Page; busy: boolean; first: boolean }) {
  const [, set] = useUrl();
  const { next_cursor: next, searched_to: to } = page;

  return (
    <nav aria-label="Pages" className="flex flex-wrap items-center gap-3">
      {!first && (
        <Button variant="outline" size="sm" onClick={() => set({ cursor: null })}>
          Newest
        </Button>
      )}
      {next && !busy && (
        <Button variant="outline" size="sm" onClick={() => set({ cursor: next })}>
          {to ? 'Look further back' : 'Older'}
        </Button>
      )}
      {to && (
        <p role="status" className="text-muted">
          {busy ? 'Looking' : 'Looked'} back to <Time iso={to} />
          {busy && '…'}
        </p>
      )}
    </nav>
  );
}

const searchEvents: Asking<EventPage> = (path, signal, show) => search(path, 'events', signal, show);
const searchConversations: Asking<ConversationPage> = (path, signal, show) => search(path, 'conversations', signal, show);

function Events({ turn }: { turn: number }) {
  const [url] = useUrl();
  const { data, error, busy } = useAsk(query('events', url, EVENT_FILTERS), turn, searchEvents);

  return (
    <>
      <Filters key="events" filters={EVENTS} />
      <div aria-busy={busy} className="flex flex-col gap-4">
        {error && <Failed error={error} />}
        {data &&
          (data.events.length ? (
            <EventRows events={data.events} />
          ) : (
            <Empty>{data.next_cursor ? 'Nothing found so far.' : 'No event fits these filters.'}</Empty>
          ))}
        {data && <Pages page={data} busy={busy} first={!url.get('cursor')} />}
      </div>
    </>
  );
}

function Conversations({ turn }: { turn: number }) {
  const [url] = useUrl();
  const { data, error, busy } = useAsk(query('conversations', url, CONVERSATION_FILTERS), turn, searchConversations);

  return (
    <>
      <Filters key="conversations" filters={CONVERSATIONS} />
      <div aria-busy={busy} className="flex flex-col gap-4">
        {error && <Failed error={error} />}
        {data &&
          (data.conversations.length ? (
            <Table aria-label="Conversations">
              <thead>
                <tr>
                  <Th>Created</Th>
                  <Th>Conversation</Th>
                  <Th>Vertical</Th>
                  <Th>Status</Th>
                  <Th>Ended</Th>
                  <Th>Outcome</Th>
                  <Th>Campaign</Th>
                </tr>
              </thead>
              <tbody>
                {data.conversations.map((c) => (
                  <tr key={c.id}>
                    <Td>
                      <Time iso={c.createdAt} />
                    </Td>
                    <Td>
                      <Go to={`?view=conversation&id=${encodeURIComponent(c.id)}`}>{c.id}</Go>
                    </Td>
                    <Td>{c.vertical}</Td>
                    <Td>
                      <StatusBadge status={c.status} />
                    </Td>
                    <Td>
                      <Time iso={c.endedAt} />
                    </Td>
                    <Td>{c.outcome.replaceAll('_', ' ')}</Td>
                    <Td>{[c.utm_source, c.utm_medium, c.utm_campaign].filter(Boolean).join(' / ') || '–'}</Td>
                  </tr>
                ))}
              </tbody>
            </Table>
          ) : (
            <Empty>{data.next_cursor ? 'Nothing found so far.' : 'No conversation fits these filters.'}</Empty>
          ))}
        {data && <Pages page={data} busy={busy} first={!url.get('cursor')} />}
      </div>
    </>
  );
}

function OneConversation({ id, turn }: { id: string; turn: number }) {
  const { data: c, error, busy } = useAsk<ConversationDetail>(`conversations/${encodeURIComponent(id)}`, turn);

  return (
    <div aria-busy={busy} className="flex flex-col gap-6">
      <Go to="?view=conversations">← All conversations</Go>
      {error && <Failed error={error} />}
      {c && (
        <>
          <Card>
            <div className="flex flex-wrap items-center justify-between gap-3">
              <h2 className="font-display text-2xl font-bold break-all">{c.id}</h2>
              <StatusBadge status={c.status} />
            </div>
            <dl className="mt-5 grid gap-x-8 gap-y-3 sm:grid-cols-2 lg:grid-cols-3">
              {(
                [
                  ['Vertical', c.vertical],
                  ['Created', <Time key="c" iso={c.createdAt} />],
                  ['Ended', <Time key="e" iso={c.endedAt} />],
                  ['Outcome', c.outcome.replaceAll('_', ' ')],
                  ['Minutes', c.minutes],
                  ['First question', c.first_question],
                  ['Why it ended', c.shutdown_reason?.replaceAll('_', ' ')],
                  ['Persona', c.personaId],
                  ['Replica', c.replicaId],
                  ['Documents', c.documentTags?.join(', ')],
                  ['Memory', c.memoryStores?.join(', ')],
                  ['Session', c.session_id]
                ] as const
              ).map(([name, value]) => (
                <div key={name}>
                  <dt className="text-sm text-muted">{name}</dt>
                  <dd className="break-words">{value || '–'}</dd>
                </div>
              ))}
            </dl>
          </Card>
          <Transcript said={c.transcript ?? []} other={c.transcript_other ?? []} />
          {c.transcript_next && <p className="text-sm text-muted">It goes on; the admin API has the rest of it.</p>}
          <section aria-labelledby="timeline" className="flex flex-col gap-3">
            <h2 id="timeline" className="font-display text-xl font-bold">
              Timeline
            </h2>
            <EventRows events={[...c.events, ...(c.events_beyond ?? [])]} showConversation={false} />
          </section>
        </>
      )}
    </div>
  );
}

export function AdminPanel() {
  const [url] = useUrl();
  const [turn, reload] = useReducer((n: number) => n + 1, 0);
  const view = url.get('view') ?? 'events';
  const id = url.get('id');
  const tab = (name: string) => (view === name || (name === 'conversations' && view === 'conversation') ? 'page' : undefined);

  useEffect(() => {
    document.title = `Admin: ${view === 'conversation' && id ? id : view}`;
  }, [view, id]);

  return (
    <div className="flex flex-col gap-6">
      <div className="flex flex-wrap items-center justify-between gap-4">
        <nav aria-label="Admin" className="flex gap-1 rounded-full border border-line bg-surface p-1">
          {['events', 'conversations'].map((name) => (
            <a
              key={name}
              href={`/admin?view=${name}`}
              aria-current={tab(name)}
              className="rounded-full px-5 py-2.5 font-semibold capitalize hover:bg-wash aria-[current=page]:bg-primary aria-[current=page]:text-on-primary"
            >
              {name}
            </a>
          ))}
        </nav>
        <button type="button" onClick={reload} className={buttonLook({ variant: 'outline', size: 'sm' })}>
          <RefreshCw aria-hidden="true" />
          Refresh
        </button>
      </div>
      {view === 'conversation' && id ? (
        <OneConversation key={id} id={id} turn={turn} />
      ) : view === 'conversations' ? (
        <Conversations turn={turn} />
      ) : (
        <Events turn={turn} />
      )}
    </div>
  );
}
