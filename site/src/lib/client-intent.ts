// client:intent: an island hydrates when somebody is about to use it.  Until
// then it is the HTML that it was rendered to, and what is pressed meanwhile
// is done once the island says that it is live.  It does not wake while
// something is pressed: what moves between down and up is not clicked.

import type { ClientDirective } from 'astro';

const SIGNS = ['pointerover', 'pointerdown', 'focusin', 'keydown', 'input'] as const;

export const LIVE = 'island:live';

const intent: ClientDirective = (load, _options, element) => {
  let again: (() => void) | undefined;
  let released = Promise.resolve();

  const go = () => {
    for (const sign of SIGNS) element.removeEventListener(sign, go);
    void load().then(async (hydrate) => {
      await released;
      element.removeEventListener('pointerdown', press);
      await hydrate();
    });
  };

  const press = () => {
    released = new Promise((done) => {
      // the click comes after it
      const up = () => setTimeout(done);
      for (const end of ['pointerup', 'pointercancel']) addEventListener(end, up, { once: true });
    });
  };

  const submit = (event: Event) => {
    const form = event.target as HTMLFormElement;

    event.preventDefault();
    again = () => form.requestSubmit();
  };

  const click = (event: Event) => {
    const button = (event.target as Element).closest<HTMLButtonElement>('button[type=button]');
    if (button) again = () => button.click();
  };

  for (const sign of SIGNS) element.addEventListener(sign, go, { passive: true });
  element.addEventListener('pointerdown', press, { passive: true });
  element.addEventListener('submit', submit);
  element.addEventListener('click', click);
  element.addEventListener(
    LIVE,
    () => {
      element.removeEventListener('submit', submit);
      element.removeEventListener('click', click);
      again?.();
    },
    { once: true }
  );
};

export default intent;
