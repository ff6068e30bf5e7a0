import { useDaily, useDevices } from '@daily-co/daily-react';
import { useEffect, useRef } from 'react';

import { Button } from '@/components/ui/button';
import { Pick } from '@/components/cvi/Pick';
import { choose } from '@/lib/devices';

// Which devices a call uses, during the call.
export function Devices({ onClose }: { onClose: () => void }) {
  const daily = useDaily();
  const { microphones, cameras, speakers, currentMic, currentCam, currentSpeaker, setMicrophone, setCamera, setSpeaker } = useDevices();
  const root = useRef<HTMLDivElement>(null);

  useEffect(() => root.current?.querySelector<HTMLElement>('select, button')?.focus(), [daily]);

  return (
    <div
      ref={root}
      role="group"
      aria-label="Devices"
      className="absolute inset-x-3 bottom-3 z-30 flex max-h-[calc(100%-1.5rem)] flex-col gap-3 overflow-y-auto rounded-2xl border border-line bg-surface p-4 shadow-soft"
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.stopPropagation();
        onClose();
      }}
    >
      <Pick
        label="Microphone"
        list={microphones.map((d) => d.device)}
        value={currentMic?.device.deviceId}
        onPick={(id) => {
          choose('audioinput', id);
          void setMicrophone(id);
        }}
      />
      <Pick
        label="Camera"
        list={cameras.map((d) => d.device)}
        value={currentCam?.device.deviceId}
        onPick={(id) => {
          choose('videoinput', id);
          void setCamera(id);
        }}
      />
      <Pick
        label="Speaker"
        list={speakers.map((d) => d.device)}
        value={currentSpeaker?.device.deviceId}
        onPick={(id) => {
          choose('audiooutput', id);
          void setSpeaker(id);
        }}
      />
      {![...microphones, ...cameras, ...speakers].some((d) => d.device.deviceId) && <p className="text-sm text-muted">The browser has let no device in yet.</p>}
      <Button size="sm" variant="outline" onClick={onClose}>
        Done
      </Button>
    </div>
  );
}
