import { useAppMessage, useDaily, useDailyEvent, useMeetingState } from '@daily-co/daily-react';
import { useCallback, useEffect, useRef, useState } from 'react';

import { relay } from '@/lib/relay';
import { useReplicaIDs } from '@/generated/cvi/hooks/use-replica-ids';
import { type AppMessage, type Line, linesAfter, pageAsContext, saying, type Turn, turnAfter } from '@/lib/call';
import { troubleInRoom, type Trouble } from '@/lib/devices';
import { track } from '@/lib/tracking';

import type { Why } from './use-conversation';

// How far the visitor has come: into the room, and to the agent.
export type Stage = 'opening' | 'joined' | 'met';

// What Daily calls an error and is an end.
const ENDS: Record<string, Why> = { ejected: 'ejected', 'exp-room': 'expired', 'exp-token': 'expired' };

// How long an agent that left may come back, ms.
const AWAY = 4_000;

export interface Talk {
  agent: string | undefined;
  stage: Stage;
  turn: Turn;
  lines: Line[];
  // the line to Daily is interrupted, or the agent's is
  cut: boolean;
  trouble: Trouble | undefined;
  say: (text: string) => void;
}

// What happens in a room at Daily: who is there, whose turn it is and what is said;
// and each way in which it ends, told once.
export function useTalk(
  id: string,
  {
    opener,
    onStage,
    onLeave,
    onFail
  }: {
    opener: string | undefined;
    onStage: (stage: Stage) => void;
    onLeave: (why: Why) => void;
    onFail: (code: string) => void;
  }
): Talk {
  const daily = useDaily();
  const joined = useMeetingState() === 'joined-meeting';
  const agent = useReplicaIDs()[0];
  const met = useRef(false);
  const [stage, setStage] = useState<Stage>('opening');
  const [turn, setTurn] = useState<Turn>('listening');
  const [lines, setLines] = useState<Line[]>([]);
  const [cut, setCut] = useState(false);
  const [away, setAway] = useState(false);
  const [trouble, setTrouble] = useState<Trouble>();

  const send = useCallback(
    (type: string, properties: object) => {
      daily?.sendAppMessage(saying(type, id, properties), '*');
    },
    [daily, id]
  );

  const say = useCallback(
    (text: string) => {
      send('conversation.respond', { text });
      setLines((all) => [...all, { who: 'visitor', text, typed: true }]);
    },
    [send]
  );

  useAppMessage({
    onAppMessage: useCallback(({ data }: { data: AppMessage | undefined }) => {
      if (!data) return;
      relay(data);
      setTurn((before) => turnAfter(before, data));
      setLines((before) => linesAfter(before, data));
    }, [])
  });

  useEffect(() => {
    if (agent !== undefined) {
      if (!met.current) {
        met.current = true;
        send('conversation.append_llm_context', { context: pageAsContext(document.title, location.pathname) });
        if (opener) say(opener);
      }
      setStage('met');
      onStage('met');
    } else if (met.current) {
      // a line that broke may stand again in a moment
      const gone = setTimeout(() => onLeave('agent_left'), AWAY);
      setAway(true);
      return () => {
        clearTimeout(gone);
        setAway(false);
      };
    } else if (joined) {
      setStage('joined');
      onStage('joined');
    }
    return undefined;
  }, [joined, agent, opener, send, say, onStage, onLeave]);

  useDailyEvent(
    'error',
    useCallback(
      (event) => {
        const why = ENDS[event.error?.type ?? ''];
        if (why) onLeave(why);
        else onFail('room_failed');
      },
      [onLeave, onFail]
    )
  );
  useDailyEvent(
    'left-meeting',
    useCallback(() => onLeave('ended'), [onLeave])
  );

  // the call goes on, with less than was asked for
  useDailyEvent(
    'nonfatal-error',
    useCallback((event) => track('video_demo_trouble', { code: event.type }), [])
  );
  useDailyEvent(
    'camera-error',
    useCallback((event) => {
      setTrouble(troubleInRoom(event.error?.type));
      track('video_demo_trouble', { code: `camera-error ${event.error?.type}` });
    }, [])
  );
  useDailyEvent(
    'network-connection',
    useCallback((event) => setCut(event.event === 'interrupted'), [])
  );

  useEffect(
    () => () => {
      void daily?.leave();
    },
    [daily]
  );

  return { agent, stage, turn, lines, cut: cut || away, trouble, say };
}
