// The chunk with daily-js and the components of cvi-ui: loaded after a click,
// and only for a room at Daily.

import { useAppMessage, useDaily, useDailyEvent, useNetwork } from '@daily-co/daily-react';
import { useCallback, useEffect, useState } from 'react';

import { Button } from '@/components/ui/button';
import { Conversation as CviConversation } from '@/generated/cvi/components/conversation';

import { CVIProvider } from './CVIProvider';
import { type AppMessage, relay } from './relay';

export interface RoomProps {
  url: string;
  audioOnly: boolean;
  onLeave: () => void;
}

function Inside({ url, audioOnly, onLeave }: RoomProps) {
  const daily = useDaily();
  const [quiet, setQuiet] = useState(audioOnly);
  const { networkState } = useNetwork();

  useAppMessage({ onAppMessage: useCallback((event: { data: AppMessage }) => relay(event.data), []) });

  // Of the others only the sound is asked for; video that is not watched
  // would take what little there is.
  const onlySound = useCallback(() => {
    if (!daily) return;
    daily.setLocalVideo(false);
    daily.setSubscribeToTracksAutomatically(false);
    for (const p of Object.values(daily.participants())) {
      if (!p.local) daily.updateParticipant(p.session_id, { setSubscribedTracks: { audio: true, video: false } });
    }
  }, [daily]);

  useDailyEvent('participant-joined', useCallback((event) => {
    if (quiet) daily?.updateParticipant(event.participant.session_id, { setSubscribedTracks: { audio: true, video: false } });
  }, [daily, quiet]));

  useEffect(() => () => { void daily?.leave(); }, [daily]);

  return (
    <div className="relative flex h-full min-h-0 flex-col">
      <CviConversation conversationUrl={url} onLeave={onLeave} />
      {!quiet && networkState === 'bad' && (
        <div className="absolute inset-x-4 top-4 flex flex-wrap items-center gap-3 rounded-2xl bg-surface px-4 py-3 shadow-soft" role="status">
          <span>Your connection is weak.</span>
          <Button size="sm" onClick={() => { onlySound(); setQuiet(true); }}>Go on with sound only</Button>
        </div>
      )}
    </div>
  );
}

export default function DailyRoom(props: RoomProps) {
  return (
    <CVIProvider audioOnly={props.audioOnly}>
      <Inside {...props} />
    </CVIProvider>
  );
}
