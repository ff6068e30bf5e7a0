import { useCallback, useEffect, useRef, useState } from 'react';

import type { Vertical } from '@/data/site';
import { createConversation, type Created, endConversation, type Place, type Problem, ProblemError, type Room, roomOf, waits } from '@/lib/tavus';
import { isLost, placeKept, stand } from '@/lib/line';
import { type Claim, claim } from '@/lib/one-call';
import { inConversation, track } from '@/lib/tracking';

// How a conversation came to its end.
export type Why = 'left' | 'agent_left' | 'ejected' | 'expired' | 'ended';

export type State =
  | { at: 'ready' }
  | { at: 'loading' }
  // cut: the last ask was not answered; moved: the place is not the first one
  | { at: 'line'; place: Place; cut: boolean; moved: boolean }
  | { at: 'room'; room: Room; id: string; seconds: number | undefined; waited: boolean }
  // before there was a room
  | { at: 'left'; line: boolean }
  | { at: 'problem'; problem: Problem; again: number | undefined }
  | { at: 'ended'; why: Why };

// Seconds until the one automatic retry, where waiting is likely to help.
const RETRY = 30;
const PASSING = ['service_unavailable', 'storage_unavailable'];

export interface Conversing {
  state: State;
  start: () => void;
  leave: (why?: Why) => void;
  fail: (code: string) => void;
  // of the last conversation, from 1 to 5
  rate: (stars: number) => void;
}

const problem = (code: string, status = 0): ProblemError => new ProblemError({ code, status, retryAfter: 0 });

const TURN = 'Your turn · ';

// In a tab that nobody looks at, the title tells.
function callBack(): void {
  if (!document.hidden || document.title.startsWith(TURN)) return;

  const title = document.title;
  const seen = () => {
    if (document.hidden) return;
    document.title = title;
    document.removeEventListener('visibilitychange', seen);
  };

  document.title = TURN + title;
  document.addEventListener('visibilitychange', seen);
}

// Other tabs of this visitor stand at the same place, and hear the same answer.
async function turn(held: Claim, waiting: Promise<Created>): Promise<Created> {
  held.lend();
  try {
    const created = await waiting;

    if (await held.again()) return created;
  } catch (error) {
    // a ticket has served its time once somebody has joined
    if (!isLost(error) || (await held.again())) throw error;
  }
  throw problem('elsewhere');
}

// reveal brings the conversation into view, for who asks for another one.
export function useConversation(vertical: Vertical, reveal: () => void): Conversing {
  const [state, setState] = useState<State>({ at: 'ready' });
  const call = useRef<{ id: string; token: string }>(undefined);
  const last = useRef<{ id: string; token: string }>(undefined);
  const abort = useRef<AbortController>(undefined);
  const release = useRef<() => void>(undefined);
  const retried = useRef(false);
  // since when it waits in line
  const line = useRef<number>(undefined);

  const outOfLine = useCallback(
    (name: string, more: Record<string, unknown>) => {
      if (line.current === undefined) return;
      track(name, { vertical, seconds: Math.round((performance.now() - line.current) / 1000), ...more });
      line.current = undefined;
    },
    [vertical]
  );

  const end = useCallback(
    (why: string) => {
      abort.current?.abort();
      release.current?.();
      release.current = undefined;
      outOfLine('video_demo_line_left', { why });
      if (!call.current) return;

      const { id, token } = call.current;
      call.current = undefined;
      track('video_demo_ended', { vertical, why });
      inConversation(undefined);
      endConversation(id, token);
    },
    [vertical]
  );

  const start = useCallback(async () => {
    end('restarted');
    const mine = (abort.current = new AbortController());

    setState({ at: 'loading' });
    track('video_demo_started', { vertical });
    const began = performance.now();

    try {
      // nothing is made that could not be entered
      if (!('RTCPeerConnection' in window)) throw problem('no_webrtc');

      const held = await claim(reveal);

      if (mine.signal.aborted) return held?.free();
      if (!held) throw problem('in_call');
      release.current = held.free;

      const wait = async (place: Place): Promise<Created> => {
        const tell = (now: Place, cut: boolean) =>
          setState((s) => ({
            at: 'line',
            place: now,
            cut,
            moved: (s.at === 'line' && s.moved) || now.position !== place.position
          }));

        line.current ??= performance.now();
        track('video_demo_line', { vertical, position: place.position });
        tell(place, false);
        return turn(held, stand(place, vertical, mine.signal, tell));
      };
      const create = () => createConversation(vertical);
      const before = placeKept(vertical);

      let answer = before
        ? await wait(before).catch((error) => {
            if (mine.signal.aborted || !isLost(error)) throw error;
            return create();
          })
        : await create();

      // Closed while the answer was on its way.  The request itself is never
      // cut off: an answer that was sent already would be heard by nobody.
      if (mine.signal.aborted) return waits(answer) ? undefined : endConversation(answer.conversation_id, answer.end_token);

      if (waits(answer)) answer = await wait(answer);
      // left in the moment that it came: nobody joins, and Tavus ends it
      if (mine.signal.aborted) return;

      const waited = line.current !== undefined;

      if (waited) callBack();
      call.current = last.current = { id: answer.conversation_id, token: answer.end_token };
      inConversation(call.current);
      outOfLine('video_demo_line_served', {});
      track('video_demo_connected', { vertical, ms: Math.round(performance.now() - began), waited });
      setState({
        at: 'room',
        room: roomOf(answer.conversation_url, answer.meeting_token),
        id: answer.conversation_id,
        seconds: answer.max_call_duration,
        waited
      });
    } catch (error) {
      if (mine.signal.aborted) return;

      release.current?.();
      release.current = undefined;

      const what = (error instanceof ProblemError ? error : problem('unknown')).problem;
      const auto = !retried.current && what.status === 503 && PASSING.includes(what.code);

      retried.current = true;
      outOfLine('video_demo_line_lost', { code: what.code });
      track('video_demo_failed', { vertical, code: what.code, status: what.status });
      setState({ at: 'problem', problem: what, again: auto ? Math.max(RETRY, what.retryAfter) : undefined });
    }
  }, [vertical, end, outOfLine, reveal]);

  const leave = useCallback(
    (why: Why = 'left') => {
      if (line.current !== undefined) {
        end(why);
        return setState({ at: 'left', line: true });
      }
      // after a failure there is nothing to leave
      if (!call.current) return;
      end(why);
      setState({ at: 'ended', why });
    },
    [end]
  );

  // The room was made, and cannot be entered, has broken down, or nobody came.
  const fail = useCallback(
    (code: string) => {
      if (!call.current) return;
      track('video_demo_failed', { vertical, code, status: 0 });
      end('failed');
      setState({ at: 'problem', problem: problem(code).problem, again: undefined });
    },
    [vertical, end]
  );

  const rate = useCallback(
    (stars: number) => {
      // it is that conversation's, which is over
      inConversation(last.current);
      track('video_demo_rated', { vertical, stars });
      inConversation(undefined);
    },
    [vertical]
  );

  useEffect(() => {
    const away = () => end('pagehide');
    // back from the page cache: that room is gone, and so may be the place
    const back = (event: PageTransitionEvent) => {
      if (!event.persisted) return;
      setState((s) => (s.at === 'room' ? { at: 'ended', why: 'left' } : s.at === 'line' || s.at === 'loading' ? { at: 'left', line: s.at === 'line' } : s));
    };

    addEventListener('pagehide', away);
    addEventListener('pageshow', back);
    return () => {
      removeEventListener('pagehide', away);
      removeEventListener('pageshow', back);
      end('closed');
    };
  }, [end]);

  return {
    state,
    start: () => {
      void start();
    },
    leave,
    fail,
    rate
  };
}
