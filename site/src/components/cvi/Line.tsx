import { LogOut, Mail } from 'lucide-react';
import { useEffect, useRef } from 'react';

import { Button, ButtonLink } from '@/components/ui/button';
import { takeFocus } from '@/lib/focus';
import { placeInWords, waitInWords } from '@/lib/line';
import type { Vertical } from '@/data/site';
import type { Place } from '@/lib/tavus';

import { DeviceCheck } from './DeviceCheck';
import { Portrait } from './Portrait';

// As many as fit on a phone; the words say the rest.
const DRAWN = 4;

// Who is ahead, and you.
function Queue({ vertical, position = DRAWN + 2 }: { vertical: Vertical; position: number | undefined }) {
  const ahead = Math.min(position - 1, DRAWN);

  return (
    <div className="flex items-center justify-center gap-2 sm:gap-2.5" aria-hidden="true">
      <Portrait vertical={vertical} className="size-16 shrink-0 rounded-full sm:size-24" />
      {position - 1 > DRAWN && <span className="text-xl font-bold text-muted">…</span>}
      {Array.from({ length: ahead }, (_, i) => (
        <span key={i} className="size-3.5 shrink-0 rounded-full bg-line-strong sm:size-5" />
      ))}
      <span className="rounded-full bg-accent px-3 py-0.5 text-sm font-bold text-on-accent">You</span>
    </div>
  );
}

export function Line({
  vertical,
  place,
  cut,
  audioOnly,
  onAudioOnly,
  onLeave
}: {
  vertical: Vertical;
  place: Place;
  cut: boolean;
  audioOnly: boolean;
  onAudioOnly: (on: boolean) => void;
  onLeave: () => void;
}) {
  const title = useRef<HTMLHeadingElement>(null);

  useEffect(() => takeFocus(title.current), []);

  return (
    <div className="min-h-0 flex-1 overflow-y-auto">
      <div className="mx-auto flex min-h-full w-full max-w-lg flex-col justify-center gap-6 p-6 sm:p-8">
        <Queue vertical={vertical} position={place.position} />
        <div className="text-center">
          <h3 ref={title} tabIndex={-1} className="font-display text-2xl font-bold outline-none" data-position={place.position}>
            {placeInWords(place.position)}.
          </h3>
          {place.wait !== undefined && (
            <p className="mt-1 text-lg" data-wait>
              It should take {waitInWords(place.wait)}.
            </p>
          )}
          <p className="mt-2 text-muted">All agents are talking with somebody. When it is your turn, the room opens here by itself.</p>
        </div>
        {cut && (
          <p className="rounded-xl bg-accent-wash px-4 py-3" data-cut>
            The server does not answer at the moment. Your place is kept for a minute and a half, and we keep trying.
          </p>
        )}
        <details className="group rounded-xl border border-line">
          <summary className="flex items-center justify-between gap-4 px-4 py-3 font-semibold">
            Check your devices meanwhile
            <span className="turn grid size-7 shrink-0 place-items-center rounded-full bg-wash text-lg leading-none" aria-hidden="true">
              +
            </span>
          </summary>
          <div className="px-4 pb-4">
            <DeviceCheck audioOnly={audioOnly} onAudioOnly={onAudioOnly} />
          </div>
        </details>
        <div className="flex flex-wrap justify-center gap-3">
          <ButtonLink variant="outline" href={`/contact?waited=${vertical}`}>
            <Mail aria-hidden="true" />
            Tell me by e-mail instead
          </ButtonLink>
          <Button variant="ghost" onClick={onLeave}>
            <LogOut aria-hidden="true" />
            Leave the line
          </Button>
        </div>
        <p className="text-center text-sm text-muted">
          You may look at another tab meanwhile: the title of this one tells you when it is your turn. Closing it gives up your place.
        </p>
      </div>
    </div>
  );
}
