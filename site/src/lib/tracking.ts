// One call for whatever is worth knowing.  Events wait a moment for company
// and leave in one first-party request; the server feeds PostHog and GA4.

import { config } from './config';
import { uuid } from './uuid';
import { type Consent, forget, keep, visitor } from './visitor';

export interface TrackingEvent {
  name: string;
  properties: {
    conversation_id?: string;
    vertical?: string;
    utm_source?: string;
    utm_medium?: string;
    utm_campaign?: string;
    user_id?: string | undefined;
    session_id: string;
    [more: string]: unknown;
  };
  event_id?: string;
}

interface Call {
  id: string;
  token: string;
}

const PATH = '/api/track';
const MAX = 20; // events in one request, as the server has it
const MAX_BYTES = 60_000; // of the 64 KiB that a beacon and the server take

// What is the same for all of a page's events is looked up when they leave:
// storage is slow to open, and none is where nothing is counted.
type Waiting = Omit<TrackingEvent, 'properties'> & { properties: Record<string, unknown> };

let queue: Waiting[] = [];
let timer: ReturnType<typeof setTimeout> | undefined;
let call: Call | undefined;

function send(events: TrackingEvent[], of: Call | undefined, consent: Consent | undefined): void {
  const body = JSON.stringify({
    events,
    consent,
    ...(of && { conversation_id: of.id, end_token: of.token })
  });

  if (body.length > MAX_BYTES && events.length > 1) {
    const half = events.length >> 1;
    send(events.slice(0, half), of, consent);
    send(events.slice(half), of, consent);
    return;
  }
  if (!navigator.sendBeacon(PATH, body)) {
    fetch(PATH, { method: 'POST', body, keepalive: true }).catch(() => {});
  }
}

export function flush(): void {
  clearTimeout(timer);
  timer = undefined;
  if (!queue.length) return;

  const { consent, session_id, user_id, ...utm } = visitor();

  while (queue.length) {
    send(
      queue.splice(0, MAX).map((e) => ({
        ...e,
        properties: { ...utm, ...e.properties, session_id, user_id, consent: undefined }
      })),
      call,
      consent
    );
  }
}

// What the visitor decides is an event like any other.  A yes is told with the
// ids that it brings, and counts for what waits here, unless there was a no
// before; a no with those that it ends, and for all that was not passed on yet.
export function decide(said: Consent): void {
  if (enabled && (said === 'denied' || visitor().consent)) flush();
  if (said === 'granted') keep(said);

  const { consent: _, session_id, user_id, ...utm } = visitor();

  if (enabled) {
    send(
      [
        {
          name: 'consent',
          event_id: uuid(),
          properties: { ...utm, path: location.pathname, session_id, user_id }
        }
      ],
      call,
      said
    );
  }
  if (said === 'denied') {
    keep(said);
    forget();
  }
}

// While a conversation is on its events are sent as its own; the server wants
// the end token with them.
export function inConversation(next: Call | undefined): void {
  if (enabled) flush();
  call = next;
}

let enabled: boolean | undefined;

export function track(name: string, properties: Omit<Partial<TrackingEvent['properties']>, 'session_id'> = {}): void {
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
  else
    timer ??= setTimeout(() => {
      void config().then(() => flush());
    }, 1000);
}

// islands are rendered once when the site is built, where there is no page
if (typeof document !== 'undefined') {
  // pagehide alone is not told to a page that is put aside on a phone
  addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden' && enabled !== false) flush();
  });
  addEventListener('pagehide', () => {
    if (enabled !== false) flush();
  });
}
