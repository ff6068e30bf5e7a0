import { Camera, CameraOff, Mic, MicOff, Volume2, Wifi } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';

import { Button } from '@/components/ui/button';
import { useDeviceList } from '@/hooks/use-devices';
import { useLevel } from '@/hooks/use-level';
import { choose, deviceOf, inWords, type Kind, open, type Opened } from '@/lib/devices';
import { chime } from '@/lib/chime';

import { Pick } from './Pick';

interface Connection {
  effectiveType?: string;
  downlink?: number;
  saveData?: boolean;
}

export function poorNetwork(): boolean {
  const c = (navigator as { connection?: Connection }).connection;
  return !!c && (c.saveData === true || /2g|3g/.test(c.effectiveType ?? '') || (c.downlink ?? 10) < 1);
}

function stop(stream: MediaStream | undefined): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

// The line of one device: there or not, before and after the browser was asked.
function found(what: 'camera' | 'microphone', list: MediaDeviceInfo[] | undefined, tested: Opened | undefined): string {
  const there = list?.some((d) => d.kind === (what === 'camera' ? 'videoinput' : 'audioinput'));
  const Name = what === 'camera' ? 'Camera' : 'Microphone';
  const trouble = tested?.[what];

  if (trouble === 'denied') return `${Name} not allowed`;
  if (trouble === 'busy') return `${Name} in use elsewhere`;
  if (there === undefined) return `Looking for a ${what}…`;
  if (!there || trouble) return what === 'camera' ? 'No camera: you will be heard only' : 'No microphone: you can listen and type';
  return `${Name} found`;
}

function Level({ stream }: { stream: MediaStream }) {
  const { level, heard, deaf } = useLevel(stream);

  return (
    <div className="flex flex-col gap-1.5">
      <meter className="level" min={0} max={1} value={level} aria-label="Level of your microphone" />
      <p className="text-sm text-muted" role="status">
        {deaf ? 'How loud you are cannot be measured in this browser.' : heard ? 'We hear you.' : 'Say something: the bar should move.'}
      </p>
    </div>
  );
}

// Looks without asking; the browser's question comes only if the visitor
// wants to test first, or in the room.
export function DeviceCheck({ audioOnly, onAudioOnly }: { audioOnly: boolean; onAudioOnly: (on: boolean) => void }) {
  const { list, look } = useDeviceList();
  const [asking, setAsking] = useState(false);
  const [tested, setTested] = useState<Opened>();
  const [sounded, setSounded] = useState<'yes' | 'no'>();
  const video = useRef<HTMLVideoElement>(null);
  const stream = useRef<MediaStream>(undefined);
  const gone = useRef(false);
  const [poor] = useState(poorNetwork);

  useEffect(() => {
    gone.current = false;
    return () => {
      gone.current = true;
      stop(stream.current);
    };
  }, []);

  const seen = tested?.stream?.getVideoTracks().length ? tested.stream : undefined;

  useEffect(() => {
    if (video.current && seen) video.current.srcObject = seen;
  }, [seen]);

  const test = async (camera: boolean) => {
    setAsking(true);
    stop(stream.current);

    const now = await open(camera);

    // the room may have opened while the browser asked
    if (gone.current) return stop(now.stream);
    stream.current = now.stream;
    setAsking(false);
    setTested(now);
    look();
  };

  const pick = (kind: Kind) => (id: string) => {
    choose(kind, id);
    if (kind !== 'audiooutput') void test(!audioOnly);
  };
  const of = (kind: Kind) => (list ?? []).filter((d) => d.kind === kind);
  const used = (track: MediaStreamTrack | undefined) => track?.getSettings().deviceId;
  const trouble = tested?.microphone ?? tested?.camera;
  const which = !tested?.microphone ? 'the camera' : tested.camera ? 'camera and microphone' : 'the microphone';
  const any = list?.some((d) => d.kind !== 'audiooutput');
  const row = 'flex items-center gap-3 rounded-xl bg-wash px-4 py-3';

  return (
    <div className="flex flex-col gap-3">
      {seen && !audioOnly && (
        <div className="overflow-hidden rounded-2xl bg-black">
          <video ref={video} autoPlay muted playsInline className="aspect-video w-full -scale-x-100 object-cover" aria-label="Your camera" />
        </div>
      )}
      <ul className="grid gap-2 @lg:grid-cols-2" aria-label="Your devices">
        <li className={row}>
          {!of('videoinput').length || audioOnly || tested?.camera ? (
            <CameraOff aria-hidden="true" className="shrink-0" />
          ) : (
            <Camera aria-hidden="true" className="shrink-0" />
          )}
          {audioOnly ? 'Camera stays off' : found('camera', list, tested)}
        </li>
        <li className={row}>
          {!of('audioinput').length || tested?.microphone ? (
            <MicOff aria-hidden="true" className="shrink-0" />
          ) : (
            <Mic aria-hidden="true" className="shrink-0" />
          )}
          {found('microphone', list, tested)}
        </li>
      </ul>
      {tested?.stream?.getAudioTracks().length ? <Level stream={tested.stream} /> : null}
      {trouble && (
        <p role="alert" className="text-danger-ink">
          {inWords(trouble, which, navigator.userAgent)} Or go on: you can listen and type.
        </p>
      )}
      {tested?.stream && (
        <>
          {!audioOnly && (
            <Pick
              label="Camera"
              list={of('videoinput')}
              value={deviceOf('videoinput') ?? used(tested.stream.getVideoTracks()[0])}
              onPick={pick('videoinput')}
            />
          )}
          <Pick
            label="Microphone"
            list={of('audioinput')}
            value={deviceOf('audioinput') ?? used(tested.stream.getAudioTracks()[0])}
            onPick={pick('audioinput')}
          />
          {'setSinkId' in HTMLMediaElement.prototype && (
            <Pick label="Speaker" list={of('audiooutput')} value={deviceOf('audiooutput') ?? 'default'} onPick={pick('audiooutput')} />
          )}
        </>
      )}
      <div className="flex flex-wrap gap-2">
        {any && (
          <Button
            variant="outline"
            size="sm"
            onClick={() => {
              void test(!audioOnly);
            }}
            disabled={asking}
          >
            {tested ? 'Test again' : 'Test them first'}
          </Button>
        )}
        <Button
          variant="outline"
          size="sm"
          onClick={() => {
            void chime(deviceOf('audiooutput')).then(
              () => setSounded('yes'),
              () => setSounded('no')
            );
          }}
        >
          <Volume2 aria-hidden="true" />
          Play a sound
        </Button>
      </div>
      {sounded && (
        <p className="text-sm text-muted" role="status">
          {sounded === 'yes'
            ? 'Two tones were played. Did you hear them? If not, look at the volume, or choose another speaker.'
            : 'The browser could not play a sound.'}
        </p>
      )}
      {poor && (
        <p className={row}>
          <Wifi aria-hidden="true" className="shrink-0" />
          Your connection looks weak. Sound alone will hold better.
        </p>
      )}
      <label className="flex items-center gap-3 px-1 py-1">
        <input type="checkbox" className="size-5 accent-primary" checked={audioOnly} onChange={(e) => onAudioOnly(e.target.checked)} />
        Audio only
      </label>
    </div>
  );
}
