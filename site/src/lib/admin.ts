// The admin API, by the types of the document that the module serves: the panel
// cannot drift from the server.

import createClient from 'openapi-fetch';

import type { components, operations, paths } from '@/generated/api';

type Schemas = components['schemas'];

export type SystemEvent = Schemas['Event'];
export type Conversation = Schemas['FoundConversation'];
export type ConversationDetail = Schemas['WholeConversation'];
export type Lead = Schemas['Lead'];
export type Order = Schemas['Order'];
export type Subscription = Schemas['Subscription'];
export type Delivery = Schemas['Delivery'];
export type Destination = Schemas['Destination'];
export type Alert = Schemas['Alert'];
export type Budget = Schemas['Budget'];
export type Money = Schemas['Money'];
export type Stats = Schemas['Stats'];
export type StatsBucket = Schemas['StatsBucket'];
export type Visitor = Schemas['Visitor'];
export type Erasure = Schemas['Erasure'];
export type Document = Schemas['Document'];
export type Quarantined = Schemas['QuarantinedEvent'];
export type Health = Schemas['Health'];
export type Query<O extends keyof operations> = NonNullable<operations[O]['parameters']['query']>;

// A row of a transcript; what nobody said is as Tavus sent it.
export type Line = NonNullable<ConversationDetail['transcript']>[number] & { seconds_from_start?: unknown };
export interface OtherLine {
  n: number;
  role?: unknown;
  content?: unknown;
  at?: string;
  seconds_from_start?: unknown;
  tool_calls?: unknown;
}

export const api = createClient<paths>({ baseUrl: '' });

export class AdminError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string
  ) {
    super(message);
  }
}

// What an answer brings, or an error with the server's own words.
export async function must<T>(answer: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await answer.catch((cause: unknown) => {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new AdminError(0, 'network', 'The server could not be reached.');
  });

  if (response.ok && data !== undefined) return data;

  const told = (typeof error === 'object' && error ? error : {}) as { code?: string; detail?: string };
  throw new AdminError(response.status, told.code ?? 'unknown', told.detail ?? `The server answered ${response.status}.`);
}

export const PAGE = 50;

// A page of a list, and how far a search that paused has come.
export interface Page<T> {
  rows: T[];
  next: string | null;
  searched_to?: string;
}

// A page of a search that pauses: it is gone on with until the page is full, for ten
// seconds, so that nothing is called empty that was not looked at.  show hears what was
// found until then.
export async function search<T>(
  ask: (cursor: string | undefined, limit: number) => Promise<Page<T>>,
  cursor: string | undefined,
  signal: AbortSignal,
  show: (page: Page<T>) => void
): Promise<Page<T>> {
  const until = performance.now() + 10_000;
  let page = await ask(cursor, PAGE);
  let rows = page.rows;

  while (page.searched_to && page.next && rows.length < PAGE && performance.now() < until) {
    show(page);
    const more = await ask(page.next, PAGE - rows.length).catch((error: unknown) => {
      if (signal.aborted) throw error;
    });

    // what there is stands, and so does the way on
    if (!more) break;
    rows = [...rows, ...more.rows];
    page = { ...more, rows };
  }
  return page;
}
