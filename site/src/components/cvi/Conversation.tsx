import { type ComponentType, lazy, Suspense, useEffect, useRef, useState } from 'react';

import type { Room } from '@/lib/tavus';

import type { RoomProps, Stage } from './DailyRoom';
import type { Why } from './use-conversation';

// Until the visitor is in the room (the browser may ask for the camera), and
// then until the agent is.
const PATIENCE = { opening: 60_000, joined: 20_000 };

// A new release may have replaced the file that this page knows.
const DailyRoom = lazy<ComponentType<RoomProps>>(() => import('./DailyRoom').catch(() => ({ default: NoRoom })));

function NoRoom({ onFail }: RoomProps) {
  useEffect(() => onFail('room_failed'), [onFail]);
  return null;
}

// A page of its own says in a message to the one around it that it is over.
function whyOf(text: unknown): Why {
  return text === 'left' ? 'left' : /max_call_duration/.test(String(text)) ? 'expired' : 'ended';
}

// A room at Daily gets the components of cvi-ui, which hear what is said in
// it; any other is a page of its own.
export function Conversation({ room, audioOnly, onMet, onLeave, onFail }: {
  room: Room;
  audioOnly: boolean;
  onMet: () => void;
  onLeave: (why: Why) => void;
  onFail: (code: string) => void;
}) {
  const frame = useRef<HTMLIFrameElement>(null);
  const [stage, setStage] = useState<Stage>('opening');

  useEffect(() => {
    if (stage === 'met') onMet();
    if (!room.daily || stage === 'met') return;

    const timer = setTimeout(() => onFail(stage === 'joined' ? 'agent_absent' : 'room_failed'), PATIENCE[stage]);
    return () => clearTimeout(timer);
  }, [room.daily, stage, onMet, onFail]);

  useEffect(() => {
    const said = (event: MessageEvent) => {
      const data = event.data as { room?: unknown; why?: unknown } | null;

      const from = frame.current?.contentWindow;

      if (!from || event.source !== from || event.origin !== new URL(room.url).origin) return;

      if (data?.room === 'ended') onLeave(whyOf(data.why));
      // a private one asks who is there
      if (data?.room === 'door' && room.token !== undefined) from.postMessage({ token: room.token }, event.origin);
    };

    addEventListener('message', said);
    return () => removeEventListener('message', said);
  }, [room.url, room.token, onLeave]);

  // Esc that is pressed in the frame stays there: the dialog around it, if
  // there is one, keeps the focus and is left with a single key.
  useEffect(() => {
    (frame.current?.closest<HTMLElement>('[role=dialog]') ?? frame.current)?.focus();
  }, []);

  if (room.daily) {
    return (
      <Suspense fallback={<p className="grid h-full place-items-center" role="status">Opening the room…</p>}>
        <DailyRoom url={room.url} token={room.token} audioOnly={audioOnly} onStage={setStage} onLeave={onLeave} onFail={onFail} />
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
