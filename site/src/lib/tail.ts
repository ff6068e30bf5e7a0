// Events as they are stored.  One tab of all that look at the same filter holds the
// stream and tells the others, as a browser has six connections to a site over HTTP/1.1;
// which one is settled by a lock.  A tab that nobody looks at lets go, and goes on where
// it was when it is looked at again.

import type { SystemEvent } from './admin';

export type Told = 'connecting' | 'live' | 'elsewhere' | 'lost' | 'reset';

interface Word {
  id: string;
  data?: string;
  reset?: true;
}

const AGAIN = 5_000;

// Answers how to stop.  hear gets each event once, in the order in which they became
// final; tell, how it stands.
export function tail(query: string, hear: (event: SystemEvent) => void, tell: (how: Told) => void): () => void {
  const channel = new BroadcastChannel(`tail:${query}`);
  let last = '';
  let over = false;
  let leads = false;
  let letGo: AbortController | undefined;

  const take = ({ id, data, reset }: Word) => {
    last = id;
    if (reset) tell('reset');
    else if (data) hear(JSON.parse(data) as SystemEvent);
  };

  const stream = (signal: AbortSignal) =>
    new Promise<void>((done) => {
      const open = () => {
        const url = new URLSearchParams(query);
        if (last) url.set('last_event_id', last);

        const source = new EventSource(`/api/admin/events/stream?${url}`);
        const pass = (word: Word) => {
          take(word);
          channel.postMessage(word);
        };
        const close = () => {
          source.close();
          done();
        };

        source.onopen = () => tell('live');
        source.onmessage = (e: MessageEvent<string>) => pass({ id: e.lastEventId, data: e.data });
        source.addEventListener('reset', (e) => pass({ id: (e as MessageEvent<string>).lastEventId, reset: true }));
        source.onerror = () => {
          tell('lost');
          // an answer that is no stream: it does not come back by itself
          if (source.readyState !== EventSource.CLOSED) return;
          signal.removeEventListener('abort', close);
          setTimeout(() => (signal.aborted ? done() : open()), AGAIN);
        };
        signal.addEventListener('abort', close);
      };
      open();
    });

  const name = `tail:${query}`;

  const look = () => {
    if (document.hidden || over) {
      letGo?.abort();
      letGo = undefined;
      return;
    }
    if (letGo) return;

    const { signal } = (letGo = new AbortController());
    const lead = async () => {
      if (signal.aborted) return;
      leads = true;
      await stream(signal);
      leads = false;
    };

    tell('connecting');
    // only secure pages have locks
    if (!('locks' in navigator)) return void lead();
    // rejects when nobody looks any more
    void navigator.locks.request(name, { signal }, lead).catch(() => {});
    void navigator.locks.query().then(({ held }) => {
      if (!leads && !signal.aborted && held?.some((lock) => lock.name === name)) tell('elsewhere');
    });
  };

  // also while it is hidden: it is nobody's request
  channel.onmessage = (e: MessageEvent<Word>) => {
    if (letGo) tell('elsewhere');
    take(e.data);
  };
  document.addEventListener('visibilitychange', look);
  look();

  return () => {
    over = true;
    document.removeEventListener('visibilitychange', look);
    look();
    channel.close();
  };
}
