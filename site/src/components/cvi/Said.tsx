import { Send } from 'lucide-react';
import { type SubmitEvent, useEffect, useRef, useState } from 'react';

import { Button } from '@/components/ui/button';
import { type Line, LONGEST } from '@/lib/call';

export function Lines({ lines }: { lines: Line[] }) {
  return (
    <ol className="flex flex-col gap-2.5">
      {lines.map((line, i) => (
        <li
          key={i}
          data-who={line.who}
          className={`max-w-[85%] rounded-2xl px-3.5 py-2 text-sm wrap-anywhere ${line.who === 'visitor' ? 'self-end rounded-br-md bg-primary text-on-primary' : 'self-start rounded-bl-md bg-wash'}`}
        >
          <span className="sr-only">{line.who === 'visitor' ? 'You: ' : 'Agent: '}</span>
          {line.text}
        </li>
      ))}
    </ol>
  );
}

// What was said beside the picture, and a field to say it without speaking.
// Until somebody is there to be told, it waits in the field.
export function Said({ lines, asks, ready, onSay }: { lines: Line[]; asks: string[]; ready: boolean; onSay: (text: string) => void }) {
  const [text, setText] = useState('');
  const list = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);

  useEffect(() => field.current?.focus(), []);

  // to the newest, unless the visitor reads on above
  useEffect(() => {
    const box = list.current;
    if (box && box.scrollHeight - box.scrollTop - box.clientHeight < 160) box.scrollTop = box.scrollHeight;
  }, [lines]);

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (!ready || !text.trim()) return;
    onSay(text.trim());
    setText('');
  };

  return (
    <section aria-label="What was said" className="call-said">
      <div ref={list} tabIndex={0} className="min-h-0 flex-1 overflow-y-auto p-4">
        {lines.length ? (
          <Lines lines={lines} />
        ) : (
          <p className="text-sm text-muted">What you and the agent say is written down here. You can type instead of speaking.</p>
        )}
      </div>
      {ready && asks.length > 0 && (
        <ul aria-label="You might ask" className="flex gap-2 overflow-x-auto px-4 pb-2">
          {asks.map((ask) => (
            <li key={ask} className="shrink-0">
              <Button variant="outline" size="sm" onClick={() => onSay(ask)}>
                {ask}
              </Button>
            </li>
          ))}
        </ul>
      )}
      <form onSubmit={submit} className="flex gap-2 border-t border-line p-3">
        <input
          ref={field}
          value={text}
          maxLength={LONGEST}
          onChange={(event) => setText(event.target.value)}
          aria-label="Type to the agent"
          placeholder="Type to the agent"
          autoComplete="off"
          className="min-h-11 min-w-0 flex-1 rounded-full border border-line-strong bg-field px-4"
        />
        <Button type="submit" size="icon" aria-label="Send" disabled={!ready || !text.trim()}>
          <Send aria-hidden="true" />
        </Button>
      </form>
    </section>
  );
}
