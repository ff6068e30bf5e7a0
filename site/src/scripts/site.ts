// What every page runs.  React is not in it: the first click brings it.

import { config } from '@/lib/config';
import { daysOf, type Kind } from '@/data/retention';
import type { Vertical } from '@/data/site';
import { track } from '@/lib/tracking';

import { choices } from './consent';
import { reveal } from './reveal';

const $$ = <T extends HTMLElement>(what: string) => document.querySelectorAll<T>(what);

// in a task of its own: with the rest it would make a tap wait
setTimeout(reveal);
track('page_view', {
  title: document.title,
  referrer: document.referrer && new URL(document.referrer).origin !== location.origin ? new URL(document.referrer).origin : undefined
});

// ---- theme -----------------------------------------------------------------

const root = document.documentElement;
const bars = [...$$<HTMLMetaElement>('meta[name=theme-color]')];
const isDark = () => (root.dataset.theme ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark';

for (const button of $$<HTMLButtonElement>('[data-theme-switch]')) {
  const show = () => {
    button.setAttribute('aria-pressed', String(isDark()));
    // the bar of the browser, where somebody has chosen: the one of the other look says the same
    if (root.dataset.theme) for (const bar of bars) bar.content = isDark() ? '#0f1a17' : '#fbf7f0';
  };

  show();
  button.addEventListener('click', () => {
    root.dataset.theme = isDark() ? 'light' : 'dark';
    try {
      localStorage.setItem('theme', root.dataset.theme);
    } catch {
      /* for this page, then */
    }
    show();
  });
}

// ---- video chat --------------------------------------------------------------

// A finger or the mouse going down, or a mouse that rests on it, says enough to
// fetch the code: it is there when the click comes.
const load = () => import('@/components/cvi/mount');
const RESTS = 60; // ms
const opener = (event: Event) => (event.target as Element).closest('[data-video-chat], [data-demo]');

document.addEventListener('pointerdown', (event) => {
  if (opener(event)) void load();
});

document.addEventListener('pointerover', (event) => {
  const button = event.pointerType === 'mouse' && opener(event);

  if (button && !(navigator as { connection?: { saveData?: boolean } }).connection?.saveData) {
    setTimeout(() => button.matches(':hover') && void load(), RESTS);
  }
});

document.addEventListener('click', (event) => {
  const target = event.target as Element;
  const chat = target.closest<HTMLElement>('[data-video-chat]');
  const demo = target.closest<HTMLElement>('[data-demo]');
  const button = chat ?? demo;

  if (!button || button.ariaBusy === 'true') return;
  event.preventDefault();

  const vertical = (button.dataset.videoChat || button.dataset.demo || 'general') as Vertical;

  button.ariaBusy = 'true';
  track('select_promotion', { vertical, place: button.dataset.place ?? (demo ? 'demo' : 'widget') });
  void load()
    .then(({ openWidget, playDemo }) => {
      const stage = demo && (demo.closest<HTMLElement>('[data-stage]') ?? document.querySelector<HTMLElement>('[data-stage]'));
      if (stage) playDemo(stage, vertical, demo.dataset.ask);
      else openWidget({ vertical, opener: button });
    })
    // a new release may have replaced the file this page knows
    .catch(() => location.assign('/contact'))
    .finally(() => {
      button.ariaBusy = null;
    });
});

for (const link of $$<HTMLElement>('[data-track]')) {
  link.addEventListener('click', () => track('select_item', { item: link.dataset.track }));
}

// ---- what this deployment has ------------------------------------------------

void config().then((c) => {
  for (const link of $$<HTMLAnchorElement>('[data-email]')) {
    link.href = `mailto:${c.contact_email}`;
    if (link.dataset.email === 'text') link.textContent = c.contact_email;
  }
  for (const part of $$('[data-vertical]')) {
    part.hidden = !c.verticals.includes(part.dataset.vertical as Vertical);
  }
  for (const promise of $$('[data-on]')) {
    promise.toggleAttribute(
      'data-has',
      promise.dataset.on!.split(' ').every((on) => (c.features as string[]).includes(on))
    );
  }
  // what a notice says of what is not configured here; it is whole until that is known
  for (const part of $$('[data-if]')) part.hidden = !(c.features as string[]).includes(part.dataset.if!);
  for (const mark of $$('[data-sandbox]')) mark.hidden = !c.sandbox;
  for (const days of $$('[data-days]')) {
    days.textContent = daysOf(c.retention[days.dataset.days as Kind]) ?? days.textContent;
  }
  root.dataset.checkout = c.checkout ? 'yes' : 'no';
  // what stands there is what is built in: the island wakes up, and shows these
  if (c.prices) for (const sum of $$('[data-prices]')) sum.dispatchEvent(new Event('input', { bubbles: true }));

  choices(c);
});
