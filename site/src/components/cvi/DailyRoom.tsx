// The chunk with daily-js and the hooks of cvi-ui: loaded after a click, and only
// for a room at Daily.

import { DailyAudioTrack, DailyVideo, useDaily, useDailyEvent, useNetwork } from '@daily-co/daily-react';
import { type ReactNode, useCallback, useEffect, useRef, useState } from 'react';

import { Button } from '@/components/ui/button';
import { useCVICall } from '@/generated/cvi/hooks/use-cvi-call';
import { useLocalCamera } from '@/generated/cvi/hooks/use-local-camera';
import { useLocalMicrophone } from '@/generated/cvi/hooks/use-local-microphone';
import { type Stage, type Talk, useTalk } from '@/hooks/use-talk';
import type { Why } from '@/hooks/use-conversation';
import type { Vertical } from '@/data/site';
import type { Line } from '@/lib/call';
import { deviceOf, inWords } from '@/lib/devices';
import type { Room } from '@/lib/tavus';

import { CallBar, ICONS, Toggle } from './CallBar';
import { CVIProvider } from './CVIProvider';
import { Devices } from './Devices';
import { Portrait } from './Portrait';
import { Said } from './Said';

export interface RoomProps {
  room: Room;
  id: string;
  vertical: Vertical;
  audioOnly: boolean;
  // what the visitor wants to ask first, and what could be asked
  opener: string | undefined;
  asks: string[];
  left: string | undefined;
  onStage: (stage: Stage) => void;
  onLines: (lines: Line[]) => void;
  onLeave: (why: Why) => void;
  onFail: (code: string) => void;
}

const SOUND = { setSubscribedTracks: { audio: true, video: false } } as const;

const WORDS = { listening: 'Listening', hearing: 'Listening to you', thinking: 'Thinking…', speaking: 'Speaking' } as const;

// What the state line says: the eye gets each turn, the ear only what matters.
function wordsOf({ stage, turn, cut }: Talk, muted: boolean): [string, string] {
  if (stage === 'opening') return ['Joining…', 'Joining the room.'];
  if (stage === 'joined') return ['The agent is on its way.', 'The agent is on its way.'];
  if (cut) return ['Reconnecting…', 'The connection is interrupted. Trying to get it back.'];
  if (muted && turn !== 'speaking') return ['You are muted', 'You are in the room. You are muted.'];
  return [WORDS[turn], `You are in the room.${muted ? ' You are muted.' : ''}`];
}

// Of the others only the sound is asked for; video that is not watched would take
// what little there is.
function useSoundOnly(from: boolean): { quiet: boolean; hush: () => void } {
  const daily = useDaily();
  const [quiet, setQuiet] = useState(from);

  const hear = useCallback(() => {
    if (!daily) return;
    for (const p of Object.values(daily.participants())) {
      if (!p.local) daily.updateParticipant(p.session_id, SOUND);
    }
  }, [daily]);

  // the agent may be there before the visitor, or come after
  useDailyEvent(
    'joined-meeting',
    useCallback(() => {
      if (quiet) hear();
    }, [quiet, hear])
  );
  useDailyEvent(
    'participant-joined',
    useCallback(
      (event) => {
        if (quiet) daily?.updateParticipant(event.participant.session_id, SOUND);
      },
      [daily, quiet]
    )
  );

  const hush = useCallback(() => {
    daily?.setLocalVideo(false);
    daily?.setSubscribeToTracksAutomatically(false);
    hear();
    setQuiet(true);
  }, [daily, hear]);

  return { quiet, hush };
}

function Notice({ children }: { children: ReactNode }) {
  return (
    <div role="status" className="flex flex-wrap items-center justify-between gap-3 rounded-2xl bg-surface px-4 py-2.5 text-sm shadow-soft">
      {children}
    </div>
  );
}

function Inside({ room, id, vertical, audioOnly, opener, asks, left, onStage, onLines, onLeave, onFail }: RoomProps) {
  const daily = useDaily();
  const { joinCall } = useCVICall();
  const talk = useTalk(id, { opener, onStage, onLeave, onFail });
  const { isMicMuted, isMicReady, onToggleMicrophone } = useLocalMicrophone();
  const { isCamMuted, isCamReady, onToggleCamera, localSessionId } = useLocalCamera();
  const { quiet, hush } = useSoundOnly(audioOnly);
  const { networkState } = useNetwork();
  const [open, setOpen] = useState<'text' | 'devices'>();
  const [captions, setCaptions] = useState(false);
  const [known, setKnown] = useState(false);
  const begun = useRef(false);

  useEffect(() => {
    if (!begun.current) joinCall({ url: room.url });
    begun.current = true;
  }, [joinCall, room.url]);

  useDailyEvent(
    'joined-meeting',
    useCallback(() => {
      const speaker = deviceOf('audiooutput');
      if (speaker !== undefined) void daily?.setOutputDeviceAsync({ outputDeviceId: speaker }).catch(() => {});
    }, [daily])
  );

  useEffect(() => onLines(talk.lines), [talk.lines, onLines]);

  const { agent, turn, trouble } = talk;
  const [words, spoken] = wordsOf(talk, isMicMuted);
  const last = talk.lines.findLast((line) => line.who === 'agent');
  const toggle = (what: 'text' | 'devices') => setOpen((now) => (now === what ? undefined : what));

  return (
    <div className="call">
      <div className="call-grid" data-text={open === 'text' || undefined}>
        <div className="call-picture" data-turn={turn}>
          {agent !== undefined && <DailyAudioTrack sessionId={agent} />}
          {/* until there is a picture, and where none is wanted */}
          <Portrait vertical={vertical} className="absolute inset-0 m-auto size-32 rounded-full" />
          {agent !== undefined && !quiet && <DailyVideo sessionId={agent} type="video" fit="cover" className="absolute inset-0 size-full" />}
          {!isCamMuted && !quiet && <DailyVideo automirror sessionId={localSessionId} type="video" fit="cover" className="call-self" />}

          <div className="absolute inset-x-3 top-3 z-20 flex flex-col gap-2">
            {!quiet && networkState === 'bad' && (
              <Notice>
                <span>Your connection is weak.</span>
                <Button size="sm" onClick={hush}>
                  Go on with sound only
                </Button>
              </Notice>
            )}
            {trouble && !known && (
              <Notice>
                <span className="min-w-0 flex-1">{inWords(trouble, 'camera or microphone', navigator.userAgent)} You can type meanwhile.</span>
                <Button size="sm" variant="outline" onClick={() => setKnown(true)}>
                  Got it
                </Button>
              </Notice>
            )}
          </div>
          {captions && last && open !== 'text' && (
            <p className="call-caption" data-caption>
              {last.text}
            </p>
          )}
          {open === 'devices' && <Devices onClose={() => setOpen(undefined)} />}
        </div>

        {open === 'text' && <Said lines={talk.lines} asks={asks} ready={talk.stage === 'met'} onSay={talk.say} />}

        <CallBar words={words} spoken={spoken} turn={turn} left={left} onEnd={() => onLeave('left')}>
          <Toggle
            on={!isMicMuted}
            label={isMicMuted ? 'Unmute microphone' : 'Mute microphone'}
            onIcon={ICONS.microphone[0]}
            offIcon={ICONS.microphone[1]}
            disabled={!isMicReady}
            onClick={onToggleMicrophone}
          />
          <Toggle
            on={!isCamMuted}
            label={isCamMuted ? 'Switch the camera on' : 'Switch the camera off'}
            onIcon={ICONS.camera[0]}
            offIcon={ICONS.camera[1]}
            disabled={!isCamReady || quiet}
            onClick={onToggleCamera}
          />
          <Toggle on expanded={open === 'devices'} label="Devices" onIcon={ICONS.devices[0]} offIcon={ICONS.devices[1]} onClick={() => toggle('devices')} />
          <Toggle on={captions} label="Captions" onIcon={ICONS.captions[0]} offIcon={ICONS.captions[1]} onClick={() => setCaptions(!captions)} />
          <Toggle on expanded={open === 'text'} label="Text" onIcon={ICONS.text[0]} offIcon={ICONS.text[1]} onClick={() => toggle('text')} />
        </CallBar>
      </div>
    </div>
  );
}

// cvi-ui's hooks want a call, and the provider makes it in an effect.
function WithCall(props: RoomProps) {
  return useDaily() && <Inside {...props} />;
}

export default function DailyRoom(props: RoomProps) {
  return (
    <CVIProvider audioOnly={props.audioOnly} token={props.room.token}>
      <WithCall {...props} />
    </CVIProvider>
  );
}
