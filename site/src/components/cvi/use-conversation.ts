import { useCallback, useEffect, useRef, useState } from 'react';

import type { Vertical } from '@/lib/site';
import { createConversation, endConversation, type Problem, ProblemError, type Room, roomOf }
  from '@/lib/tavus';
import { claim } from '@/lib/one-call';
import { inConversation, track } from '@/lib/tracking';

// How a conversation came to its end.
export type Why = 'left' | 'agent_left' | 'ejected' | 'expired' | 'ended';

export type State =
  | { at: 'ready' }
  | { at: 'loading' }
  | { at: 'room'; room: Room; id: string }
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
}

// reveal brings the conversation into view, for who asks for another one.
export function useConversation(vertical: Vertical, reveal: () => void): Conversing {
  const [state, setState] = useState<State>({ at: 'ready' });
  const call = useRef<{ id: string; token: string }>(undefined);
  const abort = useRef<AbortController>(undefined);
  const release = useRef<() => void>(undefined);
  const retried = useRef(false);

  const end = useCallback((why: string) => {
    abort.current?.abort();
    release.current?.();
    release.current = undefined;
    if (!call.current) return;

    const { id, token } = call.current;
    call.current = undefined;
    track('video_demo_ended', { vertical, why });
    inConversation(undefined);
    endConversation(id, token);
  }, [vertical]);

  const start = useCallback(async () => {
    end('restarted');
    const mine = abort.current = new AbortController();

    setState({ at: 'loading' });
    track('video_demo_started', { vertical });
    const began = performance.now();

    try {
      const free = await claim(reveal);

      if (mine.signal.aborted) return free?.();
      if (!free) throw new ProblemError({ code: 'in_call', status: 0, retryAfter: 0 });
      release.current = free;

      const created = await createConversation(vertical);

      // Closed while the answer was on its way.  The request itself is never
      // cut off: an answer that was sent already would be heard by nobody.
      if (mine.signal.aborted) return endConversation(created.conversation_id, created.end_token);

      call.current = { id: created.conversation_id, token: created.end_token };
      inConversation(call.current);
      track('video_demo_connected', { vertical, ms: Math.round(performance.now() - began) });
      setState({ at: 'room', room: roomOf(created.conversation_url, created.meeting_token), id: created.conversation_id });
    } catch (error) {
      if (mine.signal.aborted) return;

      release.current?.();
      release.current = undefined;

      const problem = error instanceof ProblemError ? error.problem
        : { code: 'unknown', status: 0, retryAfter: 0 };
      const auto = !retried.current && problem.status === 503 && PASSING.includes(problem.code);

      retried.current = true;
      track('video_demo_failed', { vertical, code: problem.code, status: problem.status });
      setState({ at: 'problem', problem, again: auto ? Math.max(RETRY, problem.retryAfter) : undefined });
    }
  }, [vertical, end, reveal]);

  const leave = useCallback((why: Why = 'left') => {
    // after a failure there is nothing to leave
    if (!call.current) return;
    end(why);
    setState({ at: 'ended', why });
  }, [end]);

  // The room was made, and cannot be entered, has broken down, or nobody came.
  const fail = useCallback((code: string) => {
    if (!call.current) return;
    track('video_demo_failed', { vertical, code, status: 0 });
    end('failed');
    setState({ at: 'problem', problem: { code, status: 0, retryAfter: 0 }, again: undefined });
  }, [vertical, end]);

  useEffect(() => {
    const away = () => end('pagehide');
    // back from the page cache: that room is gone
    const back = (event: PageTransitionEvent) => {
      if (event.persisted) setState((s) => (s.at === 'room' ? { at: 'ended', why: 'left' } : s));
    };

    addEventListener('pagehide', away);
    addEventListener('pageshow', back);
    return () => {
      removeEventListener('pagehide', away);
      removeEventListener('pageshow', back);
      end('closed');
    };
  }, [end]);

  return { state, start: () => { void start(); }, leave, fail };
}
