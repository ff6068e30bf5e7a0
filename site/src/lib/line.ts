// The waiting line: who stands in it asks for the place until it has become a
// conversation.  Not to ask is to leave, and a place that nobody asks for is
// kept 90 s.

import type { Vertical } from '@/data/site';
import { askLine, type Created, type Place, ProblemError, waits } from './tavus';

const HELD = 60_000; // of an ask: 20 s, and then a room may be made
const APART = 2_000; // between the beginnings of two
const SLOWEST = 15_000; // between two while nothing answers
const TRIES = 8; // without an answer,
const PATIENCE = 120_000; // and for so long: then it is told
const KEPT = 80; // seconds that a place surely outlasts unasked
const LONGEST = 3 * 3_600_000;

// In this page's memory alone: who leaves and comes back gets the place again.
let last: { place: Place; vertical: Vertical; at: number } | undefined;

export const placeKept = (vertical: Vertical): Place | undefined =>
  last && last.vertical === vertical && performance.now() - last.at < KEPT * 1000 ? last.place : undefined;

// Waits; or until what is waited for may have changed.
function pause(ms: number, signal: AbortSignal, wakes: boolean): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      removeEventListener('online', done);
      document.removeEventListener('visibilitychange', done);
      resolve();
    };
    const timer = setTimeout(done, ms);

    signal.addEventListener('abort', done);
    if (!wakes) return;
    addEventListener('online', done);
    document.addEventListener('visibilitychange', done);
  });
}

async function ask(place: Place, signal: AbortSignal) {
  const one = new AbortController();
  const stop = () => one.abort();
  const timer = setTimeout(stop, HELD);

  signal.addEventListener('abort', stop);
  try {
    return await askLine(place, one.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

// Nobody was told anything, so it can be asked again.
const passing = ({ code, status, retryAfter }: ProblemError['problem']): boolean =>
  retryAfter <= KEPT && (status === 0 || status === 429 || status === 504 || (status === 503 && code !== 'budget_spent' && code !== 'at_capacity'));

// What these say is of the ticket.
const TICKET: Record<number, string> = { 401: 'place_foreign', 403: 'place_foreign', 409: 'place_lost', 410: 'place_lost' };

function lost({ problem }: ProblemError): ProblemError {
  return new ProblemError({ ...problem, code: TICKET[problem.status] ?? problem.code });
}

// The ticket is worth nothing any more, which says nothing of another one.
export const isLost = (error: unknown): boolean => error instanceof ProblemError && Object.values(TICKET).includes(error.problem.code);

// Resolves with the conversation, and rejects when there will be none, or with
// the signal.  tell hears of each answer; cut: there was none to the last ask.
export async function stand(first: Place, vertical: Vertical, signal: AbortSignal, tell: (place: Place, cut: boolean) => void): Promise<Created> {
  const until = performance.now() + LONGEST;
  let place = first;
  let heard = performance.now();
  let silent = 0;

  last = { place, vertical, at: heard };
  while (!signal.aborted && performance.now() < until) {
    const began = performance.now();

    try {
      const answer = await ask(place, signal);

      if (!waits(answer)) {
        last = undefined;
        return answer;
      }
      place = answer;
      heard = performance.now();
      last = { place, vertical, at: heard };
      silent = 0;
      if (!signal.aborted) tell(place, false);
      await pause(Math.max(began + APART - heard, (place.again ?? 0) * 1000), signal, false);
    } catch (error) {
      if (signal.aborted || !(error instanceof ProblemError)) throw error;

      const { problem } = error;

      if (!passing(problem)) {
        last = undefined;
        throw lost(error);
      }
      if (problem.status === 429) heard = performance.now();
      else silent++;
      if (silent >= TRIES && performance.now() - heard > PATIENCE) {
        throw new ProblemError({ ...problem, code: 'line_lost', retryAfter: 0 });
      }
      tell(place, silent > 0);

      const slower = Math.min(SLOWEST, 500 * 2 ** silent);

      await pause(Math.max(problem.retryAfter * 1000, slower) * (1 + Math.random() / 4), signal, problem.retryAfter === 0);
    }
  }
  throw new ProblemError({ code: 'line_long', status: 0, retryAfter: 0 });
}

const ORDINALS = ['first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth', 'ninth', 'tenth', 'eleventh', 'twelfth'];

export const placeInWords = (n: number | undefined): string =>
  n === undefined
    ? 'You are in line'
    : n === 1
      ? 'You are next in line'
      : ORDINALS[n - 1]
        ? `You are ${ORDINALS[n - 1]} in line`
        : `You are number ${n} in line`;

const NUMBERS = [
  '',
  'a minute',
  'two minutes',
  'three minutes',
  'four minutes',
  'five minutes',
  'six minutes',
  'seven minutes',
  'eight minutes',
  'nine minutes',
  'ten minutes'
];

// An estimate is no more exact than this.
export function waitInWords(seconds: number): string {
  const minutes = Math.round(seconds / 60);

  if (seconds < 45) return 'less than a minute';
  if (minutes <= 10) return `about ${NUMBERS[Math.max(1, minutes)]}`;
  if (minutes < 58) return `about ${Math.round(minutes / 5) * 5} minutes`;
  return minutes < 75 ? 'about an hour' : 'more than an hour';
}
