import { useEffect, useRef, useState } from 'react';

import type { SystemEvent } from '@/lib/admin';
import { tail, type Told } from '@/lib/tail';

export const MOST = 10_000;
const BEAT = 100; // ms between two pictures

export interface Tail {
  events: SystemEvent[];
  // all that are no longer held, the oldest of which may be gone from events
  came: number;
  // heard since it was paused, and not shown yet
  held: number;
  told: Told;
}

// What the stream tells, the newest first, of which the last MOST are kept; shown ten
// times a second at most, and not at all while it is paused.
export function useTail(query: string | undefined, paused: boolean): Tail {
  const [shown, setShown] = useState<Tail>({ events: [], came: 0, held: 0, told: 'connecting' });
  // in the order they came, the last MOST at least, and how many they were
  const heard = useRef<SystemEvent[]>([]);
  const count = useRef(0);
  const still = useRef(paused);
  still.current = paused;

  useEffect(() => {
    if (query === undefined) return;

    let told: Told = 'connecting';
    let timer: ReturnType<typeof setTimeout> | undefined;

    heard.current = [];
    count.current = 0;
    setShown({ events: [], came: 0, held: 0, told });

    const show = () => {
      timer = undefined;
      if (still.current) {
        const held = count.current;
        setShown((now) => ({ ...now, held, told }));
      } else {
        const [fresh, n] = taken(heard, count);
        setShown((now) => ({ events: n ? [...fresh, ...now.events].slice(0, MOST) : now.events, came: now.came + n, held: 0, told }));
      }
    };
    const soon = () => {
      timer ??= setTimeout(show, BEAT);
    };
    const stop = tail(
      query,
      (event) => {
        // those that would not be shown any more
        if (heard.current.length === 2 * MOST) heard.current = heard.current.slice(-MOST);
        heard.current.push(event);
        count.current++;
        soon();
      },
      (how) => {
        if (how === told) return;
        told = how;
        soon();
      }
    );

    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [query]);

  // what was held is shown as soon as it goes on
  useEffect(() => {
    if (paused || !count.current) return;
    const [fresh, n] = taken(heard, count);
    setShown((now) => ({ ...now, events: [...fresh, ...now.events].slice(0, MOST), came: now.came + n, held: 0 }));
  }, [paused]);

  return shown;
}

// What was heard, the newest first, and how many came.
function taken(heard: { current: SystemEvent[] }, count: { current: number }): [SystemEvent[], number] {
  const fresh = heard.current.slice(-MOST).reverse();
  const n = count.current;

  heard.current = [];
  count.current = 0;
  return [fresh, n];
}
