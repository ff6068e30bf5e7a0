// All of React that a page without islands has, loaded by the first click.

import { useEffect, useState } from 'react';
import { flushSync } from 'react-dom';
import { createRoot, type Root } from 'react-dom/client';

import { showRunning } from '@/lib/one-call';
import type { Vertical } from '@/data/site';

import { CVIDemo } from './CVIDemo';
import { type Asked, VideoChatWidget } from './VideoChatWidget';

let ask: ((a: Asked) => void) | undefined;
const stages = new WeakMap<HTMLElement, Root>();

function Host() {
  const [asked, setAsked] = useState<Asked>();

  useEffect(() => {
    ask = setAsked;
  }, []);

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

export function playDemo(stage: HTMLElement, vertical: Vertical, opener?: string): void {
  if (showRunning()) return;

  const place = document.createElement('div');
  const root = createRoot(place);

  // one that is over may lie there still
  stages.get(stage)?.unmount();
  stages.set(stage, root);

  // what shows the call from elsewhere would lie over it
  new IntersectionObserver(([seen]) => document.documentElement.toggleAttribute('data-stage-seen', seen!.isIntersecting)).observe(place);

  // what lies under it is neither seen nor reached
  for (const under of stage.children) (under as HTMLElement).inert = true;
  place.className = 'absolute inset-0';
  stage.append(place);
  root.render(<CVIDemo vertical={vertical} opener={opener} />);
}
