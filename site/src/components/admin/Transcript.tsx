import { useState } from 'react';

import { Button } from '@/components/ui/button';
import { useZone } from '@/hooks/use-zone';
import type { Line, OtherLine } from '@/lib/admin';

import { Empty } from './parts';

// When something was said: the time of day, or how long after the start.
function Said({ line }: { line: Line | OtherLine }) {
  const { at, seconds_from_start: seconds } = line;
  const zone = useZone();

  if (at) {
    return (
      <time dateTime={at} title={at} className="font-normal tabular-nums">
        {zone.show(at, { timeStyle: 'medium' })}
      </time>
    );
  }
  if (typeof seconds !== 'number' || !Number.isFinite(seconds)) return null;
  return <span className="font-normal tabular-nums">{`+${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`}</span>;
}

// What Tavus writes into a row is up to Tavus.
const isRecord = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null;

function called(calls: unknown): string[] {
  return (Array.isArray(calls) ? calls : []).map((call) => {
    const name = isRecord(call) ? (isRecord(call['function']) ? call['function']['name'] : call['name']) : undefined;
    return typeof name === 'string' ? name : '?';
  });
}

function named(line: OtherLine): string {
  const calls = called(line.tool_calls);

  if (calls.length) return `Calls ${calls.join(', ')}`;
  if (line.role === 'system') return 'System';
  if (line.role === 'tool') return 'Tool';
  return typeof line.role === 'string' ? `${line.role}, nothing said` : 'No role';
}

function Other({ line }: { line: OtherLine }) {
  const { n: _, at: __, ...sent } = line;
  const text = typeof line.content === 'string' && line.content.trim() && !line.tool_calls ? line.content : JSON.stringify(sent, null, 2);

  return (
    <li data-other className="self-stretch rounded-xl border border-dashed border-line px-4 py-2 text-sm text-muted">
      <details>
        <summary className="w-fit cursor-pointer">
          {named(line)} <Said line={line} />
        </summary>
        <pre className="mt-2 max-h-80 overflow-auto whitespace-pre-wrap break-words text-xs leading-relaxed" tabIndex={0}>
          {text}
        </pre>
      </details>
    </li>
  );
}

// What people said; what else the transcript has stands amid it on demand.
export function Transcript({ said, other }: { said: Line[]; other: OtherLine[] }) {
  const [all, setAll] = useState(false);
  const rows = [...said.map((line) => ({ line, other: null })), ...(all ? other.map((o) => ({ line: null, other: o })) : [])].sort(
    (a, b) => (a.line ?? a.other).n - (b.line ?? b.other).n
  );
  const what = `${other.length} ${other.length === 1 ? 'row' : 'rows'} of system and tools`;

  return (
    <section aria-labelledby="transcript" className="flex min-w-0 flex-col gap-3">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <h2 id="transcript" className="font-display text-xl font-bold">
          Transcript
        </h2>
        {other.length > 0 && (
          <Button variant="outline" size="sm" aria-pressed={all} onClick={() => setAll(!all)}>
            {all ? `Hide ${what}` : `Show ${what}`}
          </Button>
        )}
      </div>
      {said.length === 0 && <Empty>{other.length ? 'Nobody said anything.' : 'No transcript has come yet. It follows some time after the end.'}</Empty>}
      <ol className="flex flex-col gap-2.5" data-transcript>
        {rows.map(({ line: l, other: o }) =>
          o ? (
            <Other key={`other-${o.n}`} line={o} />
          ) : (
            <li
              key={l.n}
              className={
                l.role === 'user'
                  ? 'max-w-2xl self-end break-words rounded-2xl rounded-br-md bg-good-wash px-4 py-2.5'
                  : 'max-w-2xl self-start break-words rounded-2xl rounded-bl-md border border-line bg-surface px-4 py-2.5'
              }
            >
              <span className="block text-sm font-semibold text-muted">
                {l.role === 'user' ? 'Visitor' : 'Agent'} <Said line={l} />
              </span>
              {l.content}
            </li>
          )
        )}
      </ol>
    </section>
  );
}
