// All of React that a page without islands has, loaded by the first click.

import { useEffect, useState } from 'react';
import { flushSync } from 'react-dom';
import { createRoot, type Root } from 'react-dom/client';

import { showRunning } from '@/lib/one-call';
import type { Vertical } from '@/lib/site';

import { CVIDemo } from './CVIDemo';
import { type Asked, VideoChatWidget } from './VideoChatWidget';

let ask: ((a: Asked) => void) | undefined;
const stages = new WeakMap<HTMLElement, Root>();

function Host() {
  const [asked, setAsked] = useState<Asked>();

  useEffect(() => { ask = setAsked; }, []);

  return <VideoChatWidget asked={asked} onClose={() => setAsked(undefined)} />;
}

// Who asks for a conversation while there is one is shown that.
export function openWidget(asked: Asked): void {
  if (showRunning()) return;
  if (!ask) {
    const place = document.createElement('div');
    document.body.append(place);
    flushSync(() => createRoot(place).render(<Host />));
  }
  ask?.(asked);
}

export function playDemo(stage: HTMLElement, vertical: Vertical): void {
  if (showRunning()) return;

  const place = document.createElement('div');
  const root = createRoot(place);

  // one that is over may lie there still
  stages.get(stage)?.unmount();
  stages.set(stage, root);

  place.className = 'absolute inset-0';
  stage.append(place);
  root.render(<CVIDemo vertical={vertical} />);
}
