import { useEffect, useState } from 'react';

// How many of so many seconds are left; counted anew where since is another.
export function useCountdown(seconds: number, since?: unknown): number {
  const [left, setLeft] = useState(seconds);

  useEffect(() => {
    const until = performance.now() + seconds * 1000;
    const tick = () => setLeft(Math.max(0, Math.ceil((until - performance.now()) / 1000)));

    tick();
    if (!seconds) return;
    const timer = setInterval(tick, 250);
    return () => clearInterval(timer);
  }, [seconds, since]);

  return left;
}

export const inSeconds = (n: number): string => (n === 1 ? '1 second' : `${n} seconds`);

// 2:05 where seconds alone say little
export const clock = (n: number): string => (n < 100 ? `${n} s` : `${Math.floor(n / 60)}:${String(n % 60).padStart(2, '0')}`);

// said once, so not to the second
export const inWords = (n: number): string => (n < 100 ? inSeconds(n) : `${Math.ceil(n / 60)} minutes`);
