// Asked only where something is sent on.  No answer is a no; an answer can be
// changed on every page.

import type { Config } from '@/lib/config';
import { decide } from '@/lib/tracking';
import { answer, elsewhere, forget } from '@/lib/visitor';

// for so long, or while a button or a finger is down, a question that comes by itself
// takes no click, which is meant for what is below it
const COMES_MS = 400;

let held = 0;
for (const name of ['pointerdown', 'pointerup', 'pointercancel']) {
  addEventListener(name, () => (held = +(name === 'pointerdown')), true);
}

const SAID = { granted: 'At the moment: yes.', denied: 'At the moment: no.' };

export function choices(c: Config): void {
  const bar = document.querySelector<HTMLElement>('[data-consent]');
  const said = answer();

  // what an earlier page may have kept
  if (said !== 'granted') forget();
  // the browser would not keep the answer
  if (!bar || said === null) return;

  const asks = c.consent || c.posthog_key !== '';
  const state = bar.querySelector<HTMLElement>('[data-consent-state]')!;
  const opening = document.querySelectorAll<HTMLElement>('[data-consent-open]');
  let opener: HTMLElement | undefined;

  const listen = () => {
    if (c.posthog_key && answer() === 'granted') void import('@/lib/posthog').then((m) => m.start());
  };
  const show = () => {
    const now = answer();

    const hidden = !opener && !(asks && now === undefined);

    if (bar.hidden && !hidden && !opener) {
      const came = setInterval(() => {
        if (held) return;
        bar.removeAttribute('data-coming');
        clearInterval(came);
      }, COMES_MS);
      bar.toggleAttribute('data-coming', true);
    }
    bar.hidden = hidden;
    bar.toggleAttribute('data-opened', opener !== undefined);
    state.textContent = now ? SAID[now] : '';
    for (const button of opening) button.hidden = !asks && !now;
  };
  const close = () => {
    const from = opener;

    opener = undefined;
    show();
    from?.focus();
  };

  for (const button of opening) {
    button.addEventListener('click', () => {
      opener = button;
      show();
      bar.focus();
    });
  }
  for (const button of bar.querySelectorAll<HTMLButtonElement>('[data-answer]')) {
    button.addEventListener('click', () => {
      const now = button.dataset.answer as 'granted' | 'denied';

      if (now !== answer()) decide(now);
      listen();
      close();
    });
  }
  bar.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && opener) close();
  });
  elsewhere(() => {
    listen();
    show();
  });

  listen();
  show();
}
