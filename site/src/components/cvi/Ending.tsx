import { Download, Star } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';

import { Button, ButtonLink } from '@/components/ui/button';
import type { Why } from '@/hooks/use-conversation';
import { type Line, transcriptText } from '@/lib/call';
import { takeFocus } from '@/lib/focus';
import { DEMOS, NAME, type Vertical } from '@/data/site';

import { Portrait } from './Portrait';
import { Lines } from './Said';

const ENDED: Record<Why, string> = {
  left: 'The conversation has ended.',
  agent_left: 'The agent has left the room.',
  ejected: 'The conversation was ended from the other side.',
  expired: 'The time for this conversation is over.',
  ended: 'The conversation has ended.'
};

function save(lines: Line[], vertical: Vertical): void {
  const topic = DEMOS.find((d) => d.vertical === vertical)?.title;
  const url = URL.createObjectURL(new Blob([transcriptText(lines, `${NAME}${topic ? `, ${topic}` : ''}`, new Date())], { type: 'text/plain;charset=utf-8' }));
  const link = document.createElement('a');

  link.href = url;
  link.download = `conversation-${new Date().toISOString().slice(0, 10)}.txt`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

const STARS = ['Bad', 'Poor', 'Fair', 'Good', 'Very good'];

function Rating({ onRate }: { onRate: (stars: number) => void }) {
  const [stars, setStars] = useState(0);

  return (
    <fieldset className="flex flex-col items-center gap-1">
      <legend className="mx-auto text-sm text-muted">How was it?</legend>
      <div className="flex">
        {STARS.map((name, i) => (
          <label key={name} className="grid size-11 place-items-center rounded-full focus-within:outline-3 focus-within:outline-accent hover:bg-wash">
            <input
              type="radio"
              name="stars"
              className="sr-only"
              checked={stars === i + 1}
              onChange={() => {
                setStars(i + 1);
                onRate(i + 1);
              }}
              aria-label={name}
            />
            <Star aria-hidden="true" className={`size-6 ${i < stars ? 'fill-accent text-accent' : 'text-line-strong'}`} />
          </label>
        ))}
      </div>
      <p role="status" className="min-h-6 text-sm text-muted">
        {stars ? `${STARS[stars - 1]}. Thank you.` : ''}
      </p>
    </fieldset>
  );
}

// What comes after a conversation, or after a line that was left.
export function Ending({
  why,
  line,
  lines,
  vertical,
  onRate,
  onStart
}: {
  // undefined: there was no conversation
  why: Why | undefined;
  line: boolean;
  lines: Line[];
  vertical: Vertical;
  onRate: (stars: number) => void;
  onStart: () => void;
}) {
  const title = useRef<HTMLHeadingElement>(null);
  const heading = (text: string) => (
    <h3 ref={title} tabIndex={-1} className="text-2xl outline-none">
      {text}
    </h3>
  );

  useEffect(() => takeFocus(title.current), []);

  return (
    <div className="min-h-0 flex-1 overflow-y-auto">
      <div className="mx-auto flex min-h-full max-w-md flex-col items-center justify-center gap-4 p-6 text-center">
        <Portrait vertical={vertical} className="size-20 shrink-0 rounded-full" />
        {why ? (
          <>
            {heading('Thank you for the talk.')}
            <p className="text-muted" data-why={why}>
              {ENDED[why]} If it left a question open, a person will read your message.
            </p>
            <Rating onRate={onRate} />
          </>
        ) : (
          <>
            {heading(line ? 'You have left the line.' : 'You left before the room opened.')}
            <p className="text-muted">
              {line
                ? 'Your place goes to whoever is next. You can get in line again, or leave a message: a person will read it.'
                : 'You can start again, or leave a message: a person will read it.'}
            </p>
          </>
        )}
        <div className="flex flex-wrap justify-center gap-3">
          <Button onClick={onStart}>{why ? 'Start another' : line ? 'Get in line again' : 'Start again'}</Button>
          <ButtonLink variant="outline" href="/contact">
            Leave a message
          </ButtonLink>
        </div>
        {why && lines.length > 0 && (
          <details className="w-full rounded-xl border border-line text-start">
            <summary className="flex items-center justify-between gap-4 px-4 py-3 font-semibold">
              What was said
              <span className="turn grid size-7 shrink-0 place-items-center rounded-full bg-wash text-lg leading-none" aria-hidden="true">
                +
              </span>
            </summary>
            <div className="flex flex-col gap-3 px-4 pb-4">
              <Lines lines={lines} />
              <Button variant="outline" size="sm" onClick={() => save(lines, vertical)}>
                <Download aria-hidden="true" />
                Download it
              </Button>
            </div>
          </details>
        )}
      </div>
    </div>
  );
}
