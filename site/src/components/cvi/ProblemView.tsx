import { useEffect, useRef } from 'react';

import { Button, ButtonLink } from '@/components/ui/button';
import { inSeconds, useCountdown } from '@/lib/countdown';
import type { Problem } from '@/lib/tavus';

const UNAVAILABLE = 'Video service temporarily unavailable';

const TEXTS: Record<string, { title: string; text: string }> = {
  rate_limited: {
    title: 'Too many requests',
    text: 'A few conversations were started from here just now. There will be room again in a moment.'
  },
  at_capacity: {
    title: 'All agents are in conversation',
    text: 'There is no queue to stand in, so we will not show you a place in one. Try again shortly, or leave us a message.'
  },
  service_unavailable: { title: UNAVAILABLE, text: 'This is on our side, not yours. Leave us a message and we will come back to you.' },
  storage_unavailable: { title: UNAVAILABLE, text: 'This is on our side, not yours. Leave us a message and we will come back to you.' },
  upstream_error: { title: UNAVAILABLE, text: 'The video service did not answer as it should. Try again, or leave us a message.' },
  room_failed: { title: 'The room could not be opened', text: 'The way to the video service seems to be blocked, or the call broke down. Try again, or leave us a message.' },
  agent_absent: { title: 'The agent did not come', text: 'You were in the room, and nobody joined you. We have ended the call. Try again, or leave us a message.' },
  in_call: { title: 'One conversation at a time', text: 'Another one is running, perhaps in another tab. End it there, and then try again here.' },
  network: { title: 'No connection', text: 'The server could not be reached. Check your connection and try again.' }
};

export function ProblemView({ problem, again, onRetry }:
{ problem: Problem; again: number | undefined; onRetry: () => void }) {
  const text = TEXTS[problem.code] ?? (problem.status === 429 ? TEXTS.rate_limited : undefined)
    ?? { title: 'Unable to start video chat', text: 'Something did not work out. Try again, or leave us a message.' };
  const wait = useCountdown(problem.retryAfter);
  const auto = useCountdown(again ?? 0);
  const title = useRef<HTMLHeadingElement>(null);
  const fired = useRef(false);

  useEffect(() => {
    // not from behind a dialog
    if (!title.current?.closest('[aria-hidden=true]')) title.current?.focus();
  }, [problem]);
  useEffect(() => {
    if (again !== undefined && auto === 0 && !fired.current) {
      fired.current = true;
      onRetry();
    }
  }, [again, auto, onRetry]);

  return (
    <div className="m-auto flex max-w-md flex-col items-center gap-4 p-6 text-center" data-problem={problem.code}>
      <svg viewBox="0 0 96 72" className="w-24 text-muted" aria-hidden="true" fill="none" stroke="currentColor" strokeWidth="4" strokeLinecap="round" strokeLinejoin="round">
        <rect x="6" y="8" width="60" height="48" rx="12" /><path d="M66 28l22-12v32l-22-12" />
        <path d="M24 38c4-6 20-6 24 0" /><path d="M26 24h.1M46 24h.1" strokeWidth="6" />
      </svg>
      <div role="alert">
        <h3 ref={title} tabIndex={-1} className="font-display text-2xl font-bold outline-none">{text.title}</h3>
        <p className="mt-2 text-muted">{text.text}</p>
      </div>
      {again !== undefined
        ? <p data-countdown>Trying again by itself in {inSeconds(auto)}.</p>
        : wait > 0 && <p data-countdown>You can try again in {inSeconds(wait)}.</p>}
      <div className="flex flex-wrap justify-center gap-3">
        <Button onClick={onRetry} disabled={wait > 0}>Try Again</Button>
        <ButtonLink variant="outline" href="/contact">Leave a message</ButtonLink>
      </div>
      {problem.requestId && <p className="text-sm text-muted">Reference <code className="block text-[0.8125rem]">{problem.requestId}</code></p>}
    </div>
  );
}
