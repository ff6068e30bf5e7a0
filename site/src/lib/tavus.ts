// The browser's side of /api/tavus: create, wait, end, and what went wrong.

import type { Vertical } from '@/data/site';
import { visitor } from './visitor';

export interface Created {
  conversation_id: string;
  conversation_url: string;
  status: 'pending' | 'active';
  end_token: string;
  // seconds, after which Tavus ends it
  max_call_duration?: number;
  // of a private room, which is not entered without it
  meeting_token?: string;
}

// A place in the waiting line.  The ticket is good for who got it, and is told
// to nobody else; position and wait (seconds) are absent where the server cannot
// tell; again: how long not to ask.
export interface Place {
  ticket: string;
  position?: number;
  wait?: number;
  again?: number;
}

export type Answer = Created | Place;

export const waits = (answer: Answer): answer is Place => !('conversation_id' in answer);

export interface Problem {
  code: string;
  status: number;
  detail?: string;
  field?: string;
  // which limit, of budget_spent
  reason?: string;
  retryAfter: number;
  requestId?: string;
}

export class ProblemError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.code);
  }
}

interface ProblemBody {
  code?: string;
  detail?: string;
  field?: string;
  reason?: string;
  retry_after?: number;
  request_id?: string;
}

export async function problemOf(response: Response): Promise<Problem> {
  const body = (await response.json().catch(() => ({}))) as ProblemBody;
  const wait = Number(response.headers.get('Retry-After') ?? body.retry_after);

  return {
    code: body.code ?? 'unknown',
    status: response.status,
    detail: body.detail,
    field: body.field,
    reason: body.reason,
    retryAfter: Number.isFinite(wait) ? Math.min(Math.max(Math.ceil(wait), 0), 86_400) : 0,
    requestId: body.request_id
  };
}

const cut = () => new ProblemError({ code: 'network', status: 0, retryAfter: 0 });

export async function post(path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  try {
    return await fetch(path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
      body: JSON.stringify(body),
      ...(signal && { signal })
    });
  } catch {
    throw cut();
  }
}

// The last conversation of this page, which a message or an order is about.
let last: string | undefined;

export const talkedIn = (): { conversation_id?: string } => (last ? { conversation_id: last } : {});

const seconds = (response: Response): number => Number(response.headers.get('Retry-After') ?? NaN);

const known = (n: unknown, least: number): number | undefined => (typeof n === 'number' && n >= least ? Math.trunc(n) : undefined);

// What create and queue both answer; the queue need not repeat what it has said.
async function answerOf(response: Response, before?: Place): Promise<Answer> {
  if (!response.ok) throw new ProblemError(await problemOf(response));

  const said = (await response.json().catch(() => {
    throw cut();
  })) as Partial<Omit<Created, 'status'> & Place> & { status?: string };
  const ticket = said.ticket ?? before?.ticket;

  if (said.conversation_id !== undefined) return entered(said as Created);
  if (said.status !== 'pending' || ticket === undefined) {
    throw new ProblemError({ code: 'unknown', status: response.status, retryAfter: 0 });
  }
  return {
    ticket,
    position: known(said.position, 1) ?? before?.position,
    wait: known(said.wait, 0),
    again: known(seconds(response), 0)
  };
}

function entered(created: Created): Created {
  last = created.conversation_id;
  try {
    roomOf(created.conversation_url);
  } catch (error) {
    // a room that cannot be entered must not run on
    endConversation(created.conversation_id, created.end_token);
    throw error;
  }
  return created;
}

export async function createConversation(vertical: Vertical): Promise<Answer> {
  return answerOf(await post('/api/tavus/create-conversation', { vertical, ...visitor() }));
}

// Held by the server until the turn has come, for some 20 s.
export async function askLine(place: Place, signal: AbortSignal): Promise<Answer> {
  return answerOf(await post('/api/tavus/queue', { ticket: place.ticket }, signal), place);
}

// A beacon, as the page may be on its way out.
export function endConversation(id: string, token: string): void {
  const path = '/api/tavus/end-conversation';
  const body = JSON.stringify({ conversation_id: id, end_token: token });

  if (!navigator.sendBeacon(path, body)) {
    fetch(path, { method: 'POST', body, keepalive: true }).catch(() => {});
  }
}

// The token is handed to the room alone: in an address it would be kept, and
// told to others.
export interface Room {
  url: string;
  daily: boolean;
  sandbox: boolean;
  token: string | undefined;
}

export function roomOf(text: string, token?: string): Room {
  const url = new URL(text);
  const sandbox = /^(127\.0\.0\.1|localhost|\[::1\])$/.test(url.hostname);

  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && sandbox)) {
    throw new ProblemError({ code: 'upstream_error', status: 502, retryAfter: 0 });
  }
  return {
    url: url.href,
    daily: url.hostname === 'daily.co' || url.hostname.endsWith('.daily.co'),
    sandbox,
    token
  };
}
