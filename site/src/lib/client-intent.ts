// client:intent: an island hydrates when somebody is about to use it.  Until
// then it is the HTML that it was rendered to.

import type { ClientDirective } from 'astro';

const SIGNS = ['pointerover', 'pointerdown', 'focusin', 'keydown', 'input'] as const;

const intent: ClientDirective = (load, _options, element) => {
  const go = () => {
    for (const sign of SIGNS) element.removeEventListener(sign, go);
    void load().then((hydrate) => hydrate());
  };

  for (const sign of SIGNS) element.addEventListener(sign, go, { passive: true });
};

export default intent;
