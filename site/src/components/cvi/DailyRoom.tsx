// The chunk with daily-js and the components of cvi-ui: loaded after a click,
// and only for a room at Daily.

import { useAppMessage, useDaily, useDailyEvent, useMeetingState, useNetwork } from '@daily-co/daily-react';
import { useCallback, useEffect, useRef, useState } from 'react';

import { Button } from '@/components/ui/button';
import { Conversation as CviConversation } from '@/generated/cvi/components/conversation';
import { useReplicaIDs } from '@/generated/cvi/hooks/use-replica-ids';

import { CVIProvider } from './CVIProvider';
import { type AppMessage, relay } from './relay';
import type { Why } from './use-conversation';

export type Stage = 'opening' | 'joined' | 'met';

export interface RoomProps {
  url: string;
  token: string | undefined;
  audioOnly: boolean;
  onStage: (stage: Stage) => void;
  onLeave: (why: Why) => void;
  onFail: (code: string) => void;
}

// What Daily calls an error and is an end.
const ENDS: Record<string, Why> = { 'ejected': 'ejected', 'exp-room': 'expired', 'exp-token': 'expired' };

const SOUND = { setSubscribedTracks: { audio: true, video: false } } as const;

function Inside({ url, audioOnly, onStage, onLeave, onFail }: RoomProps) {
  const daily = useDaily();
  const joined = useMeetingState() === 'joined-meeting';
  const there = useReplicaIDs().length > 0;
  const met = useRef(false);
  const [quiet, setQuiet] = useState(audioOnly);
  const { networkState } = useNetwork();

  useAppMessage({ onAppMessage: useCallback((event: { data: AppMessage }) => relay(event.data), []) });

  useEffect(() => {
    if (there) {
      met.current = true;
      onStage('met');
    } else if (met.current) onLeave('agent_left');
    else if (joined) onStage('joined');
  }, [joined, there, onStage, onLeave]);

  // cvi-ui leaves on an error, too, which would look like a good end
  useDailyEvent('error', useCallback((event) => {
    const why = ENDS[event.error?.type ?? ''];
    if (why) onLeave(why);
    else onFail('room_failed');
  }, [onLeave, onFail]));
  useDailyEvent('left-meeting', useCallback(() => onLeave('ended'), [onLeave]));

  const left = useCallback(() => onLeave('left'), [onLeave]);

  // Of the others only the sound is asked for; video that is not watched
  // would take what little there is.
  const hear = useCallback(() => {
    if (!daily) return;
    for (const p of Object.values(daily.participants())) {
      if (!p.local) daily.updateParticipant(p.session_id, SOUND);
    }
  }, [daily]);

  // the agent may be there before the visitor, or come after
  useDailyEvent('joined-meeting', useCallback(() => { if (quiet) hear(); }, [quiet, hear]));
  useDailyEvent('participant-joined', useCallback((event) => {
    if (quiet) daily?.updateParticipant(event.participant.session_id, SOUND);
  }, [daily, quiet]));

  const onlySound = () => {
    daily?.setLocalVideo(false);
    daily?.setSubscribeToTracksAutomatically(false);
    hear();
    setQuiet(true);
  };

  useEffect(() => () => { void daily?.leave(); }, [daily]);

  return (
    <div className="room relative h-full min-h-0">
      <CviConversation conversationUrl={url} onLeave={left} />
      {!quiet && networkState === 'bad' && (
        <div className="absolute inset-x-4 top-4 z-30 flex flex-wrap items-center justify-between gap-3 rounded-2xl bg-surface px-5 py-3 shadow-soft" role="status">
          <span>Your connection is weak.</span>
          <Button size="sm" onClick={onlySound}>Go on with sound only</Button>
        </div>
      )}
    </div>
  );
}

// cvi-ui joins once, as it is mounted, and then there must be something to
// join with: the provider makes it in an effect.
function WithCall(props: RoomProps) {
  return useDaily() && <Inside {...props} />;
}

export default function DailyRoom(props: RoomProps) {
  return (
    <CVIProvider audioOnly={props.audioOnly} token={props.token}>
      <WithCall {...props} />
    </CVIProvider>
  );
}
