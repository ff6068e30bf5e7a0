import { useEffect, useRef, useState } from 'react';

import { Panel, type Size } from '@/components/ui/panel';
import type { Vertical } from '@/data/site';

import { Session } from './Session';

export interface Asked {
  vertical: Vertical;
  opener: HTMLElement | null;
}

export function VideoChatWidget({ asked, onClose }: { asked: Asked | undefined; onClose: () => void }) {
  // still needed when nothing is asked for any more: the focus goes back there
  const opener = useRef<HTMLElement>(null);
  const [size, setSize] = useState<Size>('corner');
  const [talking, setTalking] = useState(false);
  const [closing, setClosing] = useState(false);

  useEffect(() => {
    if (!asked) return;
    opener.current = asked.opener;
    setSize('corner');
    setTalking(false);
    setClosing(false);
  }, [asked]);

  const close = () => {
    if (!talking) return onClose();
    // what is asked must be read
    if (size === 'tile') setSize('corner');
    setClosing(true);
  };

  return (
    <Panel
      open={asked !== undefined}
      size={size}
      onSize={setSize}
      onClose={close}
      opener={opener}
      title="Video chat"
      description="A conversation with an AI video agent. Press Escape to close it; during a call you are asked first."
    >
      {asked && <Session vertical={asked.vertical} closing={closing} onTalking={setTalking} onClosed={onClose} onStayed={() => setClosing(false)} />}
    </Panel>
  );
}
