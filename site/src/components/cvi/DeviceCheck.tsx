import { Camera, CameraOff, Mic, MicOff, Wifi } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';

import { Button } from '@/components/ui/button';

interface Devices { camera: boolean; microphone: boolean }

type Test = 'no' | 'asking' | 'on' | 'denied' | 'none';

interface Connection { effectiveType?: string; downlink?: number; saveData?: boolean }

export function poorNetwork(): boolean {
  const c = (navigator as { connection?: Connection }).connection;
  return !!c && (c.saveData === true || /2g|3g/.test(c.effectiveType ?? '')
    || (c.downlink ?? 10) < 1);
}

// Looks without asking; the browser's question comes only if the visitor
// wants to see the camera first, or in the room.
export function DeviceCheck({ audioOnly, onAudioOnly }:
{ audioOnly: boolean; onAudioOnly: (on: boolean) => void }) {
  const [devices, setDevices] = useState<Devices>();
  const [test, setTest] = useState<Test>('no');
  const video = useRef<HTMLVideoElement>(null);
  const stream = useRef<MediaStream>(undefined);
  const gone = useRef(false);
  const [poor] = useState(poorNetwork);

  useEffect(() => {
    gone.current = false;
    const media = navigator.mediaDevices as MediaDevices | undefined;

    // absent where the page is not secure
    if (!media) setDevices({ camera: false, microphone: false });
    else {
      void media.enumerateDevices().catch(() => []).then((list) => {
        if (!gone.current) {
          setDevices({
            camera: list.some((d) => d.kind === 'videoinput'),
            microphone: list.some((d) => d.kind === 'audioinput')
          });
        }
      });
    }
    return () => {
      gone.current = true;
      stream.current?.getTracks().forEach((t) => t.stop());
    };
  }, []);

  const look = async () => {
    setTest('asking');
    try {
      stream.current = await navigator.mediaDevices.getUserMedia({ video: !audioOnly, audio: true });
      // the room may have opened while the browser asked
      if (gone.current) return stream.current.getTracks().forEach((t) => t.stop());
      setTest('on');
      if (video.current) video.current.srcObject = stream.current;
    } catch (error) {
      setTest((error as DOMException).name === 'NotAllowedError' ? 'denied' : 'none');
    }
  };

  const row = 'flex items-center gap-3 rounded-xl bg-wash px-4 py-3';

  return (
    <div className="flex flex-col gap-3">
      <div className={test === 'on' && !audioOnly ? 'overflow-hidden rounded-2xl bg-black' : 'hidden'}>
        <video ref={video} autoPlay muted playsInline className="aspect-video w-full -scale-x-100 object-cover" aria-label="Your camera" />
      </div>
      <ul className="grid gap-2 sm:grid-cols-2" aria-label="Your devices">
        <li className={row}>
          {devices?.camera === false || audioOnly ? <CameraOff aria-hidden="true" /> : <Camera aria-hidden="true" />}
          {audioOnly ? 'Camera stays off' : devices ? (devices.camera ? 'Camera found' : 'No camera: you will be heard only') : 'Looking for a camera…'}
        </li>
        <li className={row}>
          {devices?.microphone === false ? <MicOff aria-hidden="true" /> : <Mic aria-hidden="true" />}
          {devices ? (devices.microphone ? 'Microphone found' : 'No microphone: you can listen') : 'Looking for a microphone…'}
        </li>
      </ul>
      {poor && (
        <p className={row}><Wifi aria-hidden="true" className="shrink-0" />Your connection looks weak. Sound alone will hold better.</p>
      )}
      <label className="flex items-center gap-3 px-1 py-1">
        <input type="checkbox" className="size-5 accent-primary" checked={audioOnly} onChange={(e) => onAudioOnly(e.target.checked)} />
        Audio only
      </label>
      {test === 'denied' && <p role="alert" className="text-danger-ink">The browser keeps camera and microphone closed. Allow them in its address bar, or go on and listen.</p>}
      {test === 'none' && <p role="alert" className="text-danger-ink">They could not be opened; another program may be using them. You can go on and listen.</p>}
      {test !== 'on' && (devices?.camera || devices?.microphone) && (
        <div><Button variant="outline" size="sm" onClick={() => { void look(); }} disabled={test === 'asking'}>Test them first</Button></div>
      )}
    </div>
  );
}
