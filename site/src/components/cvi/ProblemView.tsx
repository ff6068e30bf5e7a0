import { useEffect, useRef, useState } from 'react';

import { Button, ButtonLink } from '@/components/ui/button';
import { inSeconds, useCountdown } from '@/hooks/use-countdown';
import { takeFocus } from '@/lib/focus';
import type { Problem } from '@/lib/tavus';

const UNAVAILABLE = 'Video service temporarily unavailable';

interface Text {
  title: string;
  text: string;
  again?: string;
}

const IN_LINE = 'Get in line again';

const TEXTS: Record<string, Text> = {
  rate_limited: {
    title: 'Too many requests',
    text: 'A few conversations were started from here just now. There will be room again in a moment.'
  },
  at_capacity: {
    title: 'All agents are in conversation',
    text: 'There is no room for one more right now. Try again shortly, or leave us a message.'
  },
  service_unavailable: { title: UNAVAILABLE, text: 'This is on our side, not yours. Leave us a message and we will come back to you.' },
  storage_unavailable: { title: UNAVAILABLE, text: 'This is on our side, not yours. Leave us a message and we will come back to you.' },
  upstream_error: { title: UNAVAILABLE, text: 'The video service did not answer as it should. Try again, or leave us a message.' },
  room_failed: {
    title: 'The room could not be opened',
    text: 'The way to the video service seems to be blocked, or the call broke down. Try again, or leave us a message.'
  },
  agent_absent: {
    title: 'The agent did not come',
    text: 'You were in the room, and nobody joined you. We have ended the call. Try again, or leave us a message.'
  },
  place_lost: {
    title: 'Your place in line is gone',
    text: 'It is kept for a minute and a half while this page cannot ask for it: the connection was away for longer, or the device was asleep.',
    again: IN_LINE
  },
  place_foreign: {
    title: 'Your place in line is not known here',
    text: 'A place counts for the connection that it was taken with. Yours seems to be another one now, as when a phone leaves a wireless network.',
    again: IN_LINE
  },
  line_lost: {
    title: 'The line could not be reached',
    text: 'The server has not answered for two minutes. Check your connection. If your place is still kept, you get it back.',
    again: IN_LINE
  },
  line_long: {
    title: 'This takes too long',
    text: 'You have waited for three hours, and we will not keep you any longer. Leave us a message, and a person will answer.',
    again: IN_LINE
  },
  elsewhere: {
    title: 'It was your turn, in another tab',
    text: 'You were in line in more than one tab, and the room has opened in another one. Go there: the agent is waiting.'
  },
  in_call: { title: 'One conversation at a time', text: 'Another one is running, perhaps in another tab. End it there, and then try again here.' },
  no_webrtc: {
    title: 'This browser cannot hold a video call',
    text: 'It lacks what calls are made with (WebRTC). A current Firefox, Chrome, Edge or Safari has it. Or leave us a message, and a person will answer.'
  },
  network: { title: 'No connection', text: 'The server could not be reached. Check your connection and try again.' }
};

const FROM_HERE: Text = {
  title: 'Somebody is in line from here already',
  text: 'All agents are in conversation, and one visitor may wait from one connection at a time. If that was you, before this page was loaded again or in another one, that place is free a minute and a half after it was left.'
};

// budget_spent, by its reason: of whom, and until when.
const SPENT: Record<string, Text> = {
  line_full: {
    title: 'All agents are busy, and the line is full',
    text: 'As many visitors as may wait are waiting. Try again in a few minutes, or leave us a message.'
  },
  visitor: {
    title: 'That was all for today',
    text: 'There is a number of conversations that one visitor may have in a day, and you have had yours. If a question is open, leave us a message: a person will read it.'
  },
  day: { title: 'No more conversations today', text: 'As many as there may be in a day have been held. Leave us a message, and a person will answer.' }
};

// Further away than this, nobody sits and waits for it.
const SOON = 600;

const spent = ({ reason = '', retryAfter }: Problem): Text =>
  SPENT[reason === 'minutes' ? 'day' : reason] ?? (retryAfter > SOON ? SPENT.day! : SPENT.line_full!);

const ALL: Text = {
  title: 'Too many requests',
  text: 'More conversations are asked for on this site at the moment than it takes. It is nothing that you did: there will be room again shortly.'
};

const textOf = (problem: Problem): Text | undefined =>
  problem.code === 'budget_spent'
    ? spent(problem)
    : problem.code === 'rate_limited' && problem.reason === 'shared'
      ? ALL
      : problem.code === 'at_capacity' && problem.reason === 'address'
        ? FROM_HERE
        : TEXTS[problem.code];

// A time of today, or of tomorrow, as the visitor's clock has it.
function clockAt(seconds: number): string {
  const at = new Date(Date.now() + seconds * 1000);
  const time = at.toLocaleTimeString('en-US', { hour: 'numeric', minute: '2-digit' });

  return at.getDate() === new Date().getDate() ? time : `${time} tomorrow`;
}

export function ProblemView({ problem, again, onRetry }: { problem: Problem; again: number | undefined; onRetry: () => void }) {
  const text: Text = textOf(problem) ??
    (problem.status === 429 ? TEXTS.rate_limited : undefined) ?? {
      title: 'Unable to start video chat',
      text: 'Something did not work out. Try again, or leave us a message.'
    };
  const wait = useCountdown(problem.retryAfter);
  const auto = useCountdown(again ?? 0);
  const late = problem.retryAfter > SOON;
  const [until] = useState(() => clockAt(problem.retryAfter));
  const title = useRef<HTMLHeadingElement>(null);
  const fired = useRef(false);

  useEffect(() => takeFocus(title.current), [problem]);
  useEffect(() => {
    if (again !== undefined && auto === 0 && !fired.current) {
      fired.current = true;
      onRetry();
    }
  }, [again, auto, onRetry]);

  return (
    <div className="m-auto flex max-w-md flex-col items-center gap-4 p-6 text-center" data-problem={problem.code}>
      <svg
        viewBox="0 0 96 72"
        className="w-24 text-muted"
        aria-hidden="true"
        fill="none"
        stroke="currentColor"
        strokeWidth="4"
        strokeLinecap="round"
        strokeLinejoin="round"
      >
        <rect x="6" y="8" width="60" height="48" rx="12" />
        <path d="M66 28l22-12v32l-22-12" />
        <path d="M24 38c4-6 20-6 24 0" />
        <path d="M26 24h.1M46 24h.1" strokeWidth="6" />
      </svg>
      <div role="alert">
        <h3 ref={title} tabIndex={-1} className="font-display text-2xl font-bold outline-none">
          {text.title}
        </h3>
        <p className="mt-2 text-muted">{text.text}</p>
      </div>
      {again !== undefined ? (
        <p data-countdown>Trying again by itself in {inSeconds(auto)}.</p>
      ) : late ? (
        wait > 0 && <p>You can try again from {until} on.</p>
      ) : (
        wait > 0 && <p data-countdown>You can try again in {inSeconds(wait)}.</p>
      )}
      <div className="flex flex-wrap justify-center gap-3">
        {!(late && wait > 0) && (
          <Button onClick={onRetry} disabled={wait > 0}>
            {text.again ?? 'Try Again'}
          </Button>
        )}
        <ButtonLink variant={late ? 'primary' : 'outline'} href="/contact">
          Leave a message
        </ButtonLink>
      </div>
      {problem.requestId && (
        <p className="text-sm text-muted">
          Reference <code className="block text-[0.8125rem]">{problem.requestId}</code>
        </p>
      )}
    </div>
  );
}
