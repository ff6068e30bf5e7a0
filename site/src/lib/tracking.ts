// One call for whatever is worth knowing.  Events wait a moment for company
// and leave in one first-party request; the server feeds PostHog and GA4.

import { config } from './config';
import { uuid } from './uuid';

export interface TrackingEvent {
  name: string;
  properties: {
    conversation_id?: string;
    vertical?: string;
    utm_source?: string;
    utm_medium?: string;
    utm_campaign?: string;
    user_id?: string;
    session_id: string;
    [more: string]: unknown;
  };
  event_id?: string;
}

interface Call { id: string; token: string }

const PATH = '/api/track';
const MAX = 20;                 // events in one request, as the server has it
const MAX_BYTES = 60_000;       // of the 64 KiB that a beacon and the server take
const UTM = ['utm_source', 'utm_medium', 'utm_campaign'] as const;

type Utm = Partial<Record<(typeof UTM)[number], string>>;

// Storage may be forbidden; then a page is a session.
const memory: Record<string, string> = {};

function kept(store: 'localStorage' | 'sessionStorage', key: string,
  make: () => string): string {
  try {
    const found = window[store].getItem(key);
    if (found) return found;
    const made = make();
    if (made) window[store].setItem(key, made);
    return made;
  } catch {
    return (memory[key] ??= make());
  }
}

export const sessionId = (): string =>
  kept('sessionStorage', 'session_id', uuid);

// The first touch counts: what brought the visitor here is never replaced.
export function utm(): Utm {
  const text = kept('localStorage', 'utm', () => {
    const query = new URLSearchParams(location.search);
    const found: Utm = {};

    for (const name of UTM) {
      const value = query.get(name);
      if (value) found[name] = value.slice(0, 100);
    }
    return Object.keys(found).length ? JSON.stringify(found) : '';
  });

  try {
    return text ? JSON.parse(text) as Utm : {};
  } catch {
    return {};
  }
}

// What is the same for all of a page's events is looked up when they leave:
// storage is slow to open, and none is where nothing is counted.
type Waiting = Omit<TrackingEvent, 'properties'> & { properties: Record<string, unknown> };

let queue: Waiting[] = [];
let timer: ReturnType<typeof setTimeout> | undefined;
let call: Call | undefined;

function send(events: TrackingEvent[], of: Call | undefined): void {
  const body = JSON.stringify({
    events,
    ...(of && { conversation_id: of.id, end_token: of.token })
  });

  if (body.length > MAX_BYTES && events.length > 1) {
    const half = events.length >> 1;
    send(events.slice(0, half), of);
    send(events.slice(half), of);
    return;
  }
  if (!navigator.sendBeacon(PATH, body)) {
    fetch(PATH, { method: 'POST', body, keepalive: true }).catch(() => {});
  }
}

export function flush(): void {
  clearTimeout(timer);
  timer = undefined;
  while (queue.length) {
    send(queue.splice(0, MAX).map((e) => ({
      ...e,
      properties: { ...utm(), ...e.properties, session_id: sessionId() }
    })), call);
  }
}

// While a conversation is on its events are sent as its own; the server wants
// the end token with them.
export function inConversation(next: Call | undefined): void {
  if (enabled) flush();
  call = next;
}

let enabled: boolean | undefined;

export function track(name: string,
  properties: Omit<Partial<TrackingEvent['properties']>, 'session_id'> = {}): void {
  if (enabled === false) return;

  queue.push({
    name,
    event_id: uuid(),
    properties: {
      ...(call && { conversation_id: call.id }),
      ...properties,
      path: location.pathname
    }
  });

  if (enabled === undefined) {
    void config().then((c) => {
      enabled = c.tracking;
      if (!enabled) queue = [];
    });
  }
  if (queue.length >= MAX && enabled) flush();
  else timer ??= setTimeout(() => { void config().then(() => flush()); }, 1000);
}

// islands are rendered once when the site is built, where there is no page
if (typeof document !== 'undefined') {
  // pagehide alone is not told to a page that is put aside on a phone
  addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden' && enabled !== false) flush();
  });
  addEventListener('pagehide', () => { if (enabled !== false) flush(); });
}
