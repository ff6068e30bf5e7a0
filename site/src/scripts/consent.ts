// Asked only where a key is configured.  No answer is a no.

import { consent, decide, start } from '@/lib/posthog';

export function ask(): void {
  const bar = document.querySelector<HTMLElement>('[data-consent]');

  if (consent() === 'granted') void start();
  if (!bar || consent()) return;

  bar.hidden = false;
  for (const button of bar.querySelectorAll<HTMLButtonElement>('[data-answer]')) {
    button.addEventListener('click', () => {
      decide(button.dataset.answer as 'granted' | 'denied');
      bar.hidden = true;
    });
  }
}
