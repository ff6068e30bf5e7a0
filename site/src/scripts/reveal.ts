import { inView } from 'motion';
import { animate } from 'motion/mini';

const EASE = [0.22, 1, 0.36, 1] as const;

// The start state is in site.css and only where motion is welcome, so there
// is nothing to undo where it is not.
export function reveal(): void {
  if (matchMedia('(prefers-reduced-motion: reduce)').matches) return;

  for (const element of document.querySelectorAll<HTMLElement>('.reveal')) {
    // on paper all is there at once
    addEventListener('beforeprint', () => element.classList.add('revealed'), { once: true });
    inView(
      element,
      () => {
        const delay = Number(element.dataset.delay ?? 0);

        void animate(element, { opacity: [0, 1], transform: ['translateY(22px)', 'none'] }, { duration: 0.7, delay, ease: [...EASE] }).finished.then(() =>
          element.classList.add('revealed')
        );
      },
      { margin: '0px 0px -8% 0px' }
    );
  }
}
