// All of React that a page without islands has, loaded by the first click.

import { useEffect, useState } from 'react';
import { flushSync } from 'react-dom';
import { createRoot, type Root } from 'react-dom/client';

import { showRunning } from '@/lib/one-call';
import type { Vertical } from '@/data/site';

import { CVIDemo } from './CVIDemo';
import { type Asked, VideoChatWidget } from './VideoChatWidget';

let ask: ((a: Asked) => void) | undefined;
const stages = new WeakMap<HTMLElement, { root: Root; sight: IntersectionObserver }>();

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

  // what shows the call from elsewhere would lie over it
  const sight = new IntersectionObserver(([seen]) => document.documentElement.toggleAttribute('data-stage-seen', seen!.isIntersecting));

  // one that is over may lie there still
  const before = stages.get(stage);
  before?.root.unmount();
  before?.sight.disconnect();
  stages.set(stage, { root, sight });
  sight.observe(place);

  // what lies under it is neither seen nor reached
  for (const under of stage.children) (under as HTMLElement).inert = true;
  place.className = 'absolute inset-0';
  stage.append(place);
  root.render(<CVIDemo vertical={vertical} opener={opener} />);
}
