import { type ComponentType, lazy, Suspense, useEffect, useRef, useState } from 'react';

import type { Why } from '@/hooks/use-conversation';
import type { Stage } from '@/hooks/use-talk';
import { leftInWords } from '@/lib/call';
import { takeFocus } from '@/lib/focus';

import { CallBar } from './CallBar';
import type { RoomProps } from './DailyRoom';

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

// Any room that is not at Daily is a page of its own.
function FramedRoom({ room, audioOnly, left, onLeave }: RoomProps) {
  const frame = useRef<HTMLIFrameElement>(null);

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

  return (
    <div className="call">
      <div className="call-grid">
        <div className="call-picture">
          <iframe
            ref={frame}
            title="Conversation with the video agent"
            src={room.url}
            allow={audioOnly ? 'microphone; autoplay' : 'camera; microphone; fullscreen; display-capture; autoplay'}
            className="size-full border-0"
          />
        </div>
        <CallBar words="In the room" spoken="You are in the room." left={left} onEnd={() => onLeave('left')} />
      </div>
    </div>
  );
}

// What is left of the time, from when the agent came.
function useLeft(seconds: number | undefined, runs: boolean): string | undefined {
  const [left, setLeft] = useState(seconds);

  useEffect(() => {
    if (seconds === undefined || !runs) return;

    const end = performance.now() + seconds * 1000;
    const timer = setInterval(() => setLeft((end - performance.now()) / 1000), 1000);

    return () => clearInterval(timer);
  }, [seconds, runs]);

  return left === undefined ? undefined : leftInWords(left);
}

export function Conversation({ seconds, ...props }: Omit<RoomProps, 'left' | 'onStage'> & { seconds: number | undefined }) {
  const { room, onFail } = props;
  const root = useRef<HTMLDivElement>(null);
  const [stage, setStage] = useState<Stage>('opening');
  const left = useLeft(seconds, !room.daily || stage === 'met');

  useEffect(() => {
    if (!room.daily || stage === 'met') return;

    const timer = setTimeout(() => onFail(stage === 'joined' ? 'agent_absent' : 'room_failed'), PATIENCE[stage]);
    return () => clearTimeout(timer);
  }, [room.daily, stage, onFail]);

  // Esc that is pressed in the frame stays there: what is around it keeps the
  // focus, and is left with a single key.
  useEffect(() => takeFocus(root.current?.closest<HTMLElement>('[role=dialog]') ?? root.current), []);

  const Where = room.daily ? DailyRoom : FramedRoom;

  return (
    <div ref={root} tabIndex={-1} className="min-h-0 flex-1 outline-none">
      <Suspense
        fallback={
          <p className="grid h-full place-items-center" role="status">
            Opening the room…
          </p>
        }
      >
        <Where {...props} left={left} onStage={setStage} />
      </Suspense>
    </div>
  );
}
