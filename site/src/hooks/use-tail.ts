import { useEffect, useRef, useState } from 'react';

import type { SystemEvent } from '@/lib/admin';
import { tail, type Told } from '@/lib/tail';

export const MOST = 10_000;
const BEAT = 100; // ms between two pictures

export interface Tail {
  events: SystemEvent[];
  // heard since it was paused, and not shown yet
  held: number;
  told: Told;
}

// What the stream tells, the newest first, of which the last MOST are kept; shown ten
// times a second at most, and not at all while it is paused.
export function useTail(query: string | undefined, paused: boolean): Tail {
  const [shown, setShown] = useState<Tail>({ events: [], held: 0, told: 'connecting' });
  const heard = useRef<SystemEvent[]>([]);
  const still = useRef(paused);
  still.current = paused;

  useEffect(() => {
    if (query === undefined) return;

    let told: Told = 'connecting';
    let timer: ReturnType<typeof setTimeout> | undefined;

    heard.current = [];
    setShown({ events: [], held: 0, told });

    const show = () => {
      timer = undefined;
      if (still.current) {
        const held = heard.current.length;
        setShown((now) => ({ ...now, held, told }));
      } else {
        const fresh = heard.current.reverse();
        heard.current = [];
        setShown((now) => ({ events: fresh.length ? [...fresh, ...now.events].slice(0, MOST) : now.events, held: 0, told }));
      }
    };
    const soon = () => {
      timer ??= setTimeout(show, BEAT);
    };
    const stop = tail(
      query,
      (event) => {
        if (heard.current.length < MOST) heard.current.push(event);
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
    if (paused || !heard.current.length) return;
    const fresh = heard.current.reverse();
    heard.current = [];
    setShown((now) => ({ ...now, events: [...fresh, ...now.events].slice(0, MOST), held: 0 }));
  }, [paused]);

  return shown;
}
