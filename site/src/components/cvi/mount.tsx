// All of React that a page without islands has, loaded by the first click.

import { useEffect, useState } from 'react';
import { flushSync } from 'react-dom';
import { createRoot } from 'react-dom/client';

import type { Vertical } from '@/lib/site';

import { CVIDemo } from './CVIDemo';
import { type Asked, VideoChatWidget } from './VideoChatWidget';

let ask: ((a: Asked) => void) | undefined;

function Host() {
  const [asked, setAsked] = useState<Asked>();

  useEffect(() => { ask = setAsked; }, []);

  return <VideoChatWidget asked={asked} onClose={() => setAsked(undefined)} />;
}

export function openWidget(asked: Asked): void {
  if (!ask) {
    const place = document.createElement('div');
    document.body.append(place);
    flushSync(() => createRoot(place).render(<Host />));
  }
  ask?.(asked);
}

export function playDemo(stage: HTMLElement, vertical: Vertical): void {
  const place = document.createElement('div');

  place.className = 'absolute inset-0';
  stage.append(place);
  createRoot(place).render(<CVIDemo vertical={vertical} />);
}
