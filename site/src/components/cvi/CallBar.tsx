import { Captions, CaptionsOff, MessageSquareText, Mic, MicOff, PhoneOff, Settings2, Video, VideoOff } from 'lucide-react';
import type { ComponentType, ReactNode } from 'react';

import { Button } from '@/components/ui/button';

type Icon = ComponentType<{ 'aria-hidden': 'true' }>;

// A switch: what it is of, and how it stands.
export function Toggle({
  on,
  label,
  onIcon: On,
  offIcon: Off,
  ...rest
}: {
  on: boolean;
  label: string;
  onIcon: Icon;
  offIcon: Icon;
  onClick: () => void;
  disabled?: boolean;
  expanded?: boolean;
}) {
  const { expanded, ...button } = rest;

  return (
    <button
      type="button"
      className="call-button"
      aria-label={label}
      title={label}
      {...(expanded === undefined ? { 'aria-pressed': on } : { 'aria-expanded': expanded })}
      {...button}
    >
      {on ? <On aria-hidden="true" /> : <Off aria-hidden="true" />}
    </button>
  );
}

export const ICONS = {
  microphone: [Mic, MicOff],
  camera: [Video, VideoOff],
  captions: [Captions, CaptionsOff],
  devices: [Settings2, Settings2],
  text: [MessageSquareText, MessageSquareText]
} as const satisfies Record<string, readonly [Icon, Icon]>;

// Under every call, whoever draws the picture: what is going on, how long still,
// and the one way out.
export function CallBar({
  words,
  spoken,
  turn,
  left,
  onEnd,
  children
}: {
  // for the eye, as often as it changes, and for who is read to
  words: string;
  spoken: string;
  turn?: string;
  left?: string | undefined;
  onEnd: () => void;
  children?: ReactNode;
}) {
  return (
    <div className="call-bar">
      <p className="flex items-center gap-2 text-sm" data-turn={turn}>
        <span className="call-dot" aria-hidden="true" />
        <span aria-hidden="true" className="font-semibold">
          {words}
        </span>
        <span role="status" className="sr-only">
          {spoken}
        </span>
        {left && (
          <span className="ms-auto text-muted tabular-nums" data-left>
            {left}
          </span>
        )}
      </p>
      <div className="flex items-center gap-2">
        {children}
        <Button variant="danger" size="sm" className="ms-auto min-h-11 shrink-0" onClick={onEnd} aria-label="End conversation">
          <PhoneOff aria-hidden="true" />
          <span className="call-word">End</span>
        </Button>
      </div>
    </div>
  );
}
