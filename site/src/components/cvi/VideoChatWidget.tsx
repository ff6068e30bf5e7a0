import { useEffect, useRef } from 'react';

import { Dialog } from '@/components/ui/dialog';
import type { Vertical } from '@/lib/site';

import { Session } from './Session';

export interface Asked { vertical: Vertical; opener: HTMLElement | null }

export function VideoChatWidget({ asked, onClose }:
{ asked: Asked | undefined; onClose: () => void }) {
  // still needed when nothing is asked for any more: the focus goes back there
  const opener = useRef<HTMLElement>(null);

  useEffect(() => { if (asked) opener.current = asked.opener; }, [asked]);

  return (
    <Dialog
      open={asked !== undefined}
      onClose={onClose}
      opener={opener}
      title="Video chat"
      description="A conversation with an AI video agent. Press Escape to end it and go back to the page."
    >
      {asked && <Session vertical={asked.vertical} />}
    </Dialog>
  );
}
