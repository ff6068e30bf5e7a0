import { type ComponentType, lazy, Suspense, useEffect, useRef } from 'react';

import type { Room } from '@/lib/tavus';

import type { RoomProps } from './DailyRoom';

// A new release may have replaced the file that this page knows.
const DailyRoom = lazy<ComponentType<RoomProps>>(() => import('./DailyRoom').catch(() => ({ default: NoRoom })));

function NoRoom({ onFail }: RoomProps) {
  useEffect(onFail, [onFail]);
  return null;
}

// A room at Daily gets the components of cvi-ui, which hear what is said in
// it; any other is a page of its own.
export function Conversation({ room, audioOnly, onLeave, onFail }:
{ room: Room; audioOnly: boolean; onLeave: () => void; onFail: () => void }) {
  const frame = useRef<HTMLIFrameElement>(null);

  // Esc that is pressed in the frame stays there: the dialog around it, if
  // there is one, keeps the focus and is left with a single key.
  useEffect(() => {
    (frame.current?.closest<HTMLElement>('[role=dialog]') ?? frame.current)?.focus();
  }, []);

  if (room.daily) {
    return (
      <Suspense fallback={<p className="grid h-full place-items-center" role="status">Opening the room…</p>}>
        <DailyRoom url={room.url} audioOnly={audioOnly} onLeave={onLeave} onFail={onFail} />
      </Suspense>
    );
  }

  return (
    <iframe
      ref={frame}
      title="Conversation with the video agent"
      src={room.url}
      allow={audioOnly ? 'microphone; autoplay' : 'camera; microphone; fullscreen; display-capture; autoplay'}
      className="size-full border-0"
    />
  );
}
