// The admin API as the module gives it.

export interface SystemEvent {
  id: string;
  timestamp: string;
  type: 'webhook' | 'error' | 'info' | 'conversion';
  source: string;
  conversationId?: string | null;
  event_type?: string;
  received_at?: string;
  repaired?: true; // no callback brought it
  data: unknown;
}

export interface Conversation {
  id: string;
  url: string;
  personaId?: string;
  replicaId?: string;
  vertical: string;
  memoryStores?: string[];
  documentTags?: string[];
  status: string;
  createdAt: string;
  endedAt?: string | null;
  started_at?: string | null;
  shutdown_reason?: string | null;
  session_id?: string | null;
  utm_source?: string | null;
  utm_medium?: string | null;
  utm_campaign?: string | null;
  outcome: string;
  length?: number; // seconds
  minutes?: number;
  first_question?: string;
}

// n: the row's place in the whole transcript; at: its time, if it has one
export interface Line {
  n: number;
  role: 'user' | 'assistant';
  content: string;
  at?: string;
  seconds_from_start?: unknown;
}

// what nobody said, as Tavus sent it
export interface OtherLine {
  n: number;
  role?: unknown;
  content?: unknown;
  at?: string;
  seconds_from_start?: unknown;
  tool_calls?: unknown;
}

export interface ConversationDetail extends Conversation {
  events: SystemEvent[];
  events_beyond?: SystemEvent[]; // of the rest, what no browser has relayed
  transcript?: Line[] | null;
  transcript_other?: OtherLine[];
  transcript_next?: number; // there is more of it
}

// searched_to: the search paused there
export interface Page {
  next_cursor: string | null;
  searched_to?: string;
}
export type EventPage = Page & { events: SystemEvent[] };
export type ConversationPage = Page & { conversations: Conversation[] };

export const PAGE = 50;

export const EVENT_FILTERS = ['type', 'source', 'event_type', 'conversation_id', 'q', 'from', 'to'] as const;
export const CONVERSATION_FILTERS = ['status', 'vertical', 'from', 'to'] as const;

export class AdminError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string
  ) {
    super(message);
  }
}

export async function ask<T>(path: string, signal: AbortSignal): Promise<T> {
  const response = await fetch(`/api/admin/${path}`, { signal, headers: { Accept: 'application/json' } });
  const body = (await response.json().catch(() => ({}))) as { code?: string; detail?: string };

  if (!response.ok) {
    throw new AdminError(response.status, body.code ?? 'unknown', body.detail ?? `The server answered ${response.status}.`);
  }
  return body as T;
}

// A page of a list.  A search that pauses is gone on with until the page is
// full, for ten seconds; what was found until then is shown meanwhile.
export async function search<K extends string, T>(
  path: string,
  list: K,
  signal: AbortSignal,
  show: (page: Page & Record<K, T[]>) => void
): Promise<Page & Record<K, T[]>> {
  const until = performance.now() + 10_000;
  const next = new URLSearchParams(path.slice(path.indexOf('?')));
  let page = await ask<Page & Record<K, T[]>>(path, signal);
  let found: T[] = page[list];

  while (page.searched_to && page.next_cursor && found.length < PAGE && performance.now() < until) {
    show(page);
    next.set('cursor', page.next_cursor);
    next.set('limit', String(PAGE - found.length));
    const more = await ask<Page & Record<K, T[]>>(`${list}?${next}`, signal).catch((error: unknown) => {
      if (signal.aborted) throw error;
    });

    // what there is stands, and so does the way on
    if (!more) break;
    found = [...found, ...more[list]];
    page = { ...more, [list]: found };
  }
  return page;
}
