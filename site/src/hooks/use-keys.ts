import { useEffect } from 'react';

const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

// One row on or back; what it leads to gets the focus, so that Enter opens it.
function step(by: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-row]')];
  const now = rows.findIndex((row) => row.contains(document.activeElement));
  const row = rows[now < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(now + by, 0), rows.length - 1)];

  (row?.querySelector<HTMLElement>('a[href]') ?? row?.querySelector<HTMLElement>('button'))?.focus();
  row?.scrollIntoView({ block: 'nearest' });
}

// The keys of the panel, while nobody types and no question is open.
export function useKeys(help: () => void): void {
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      if (event.metaKey || event.ctrlKey || event.altKey || typing(event.target) || document.querySelector('dialog[open]')) return;

      switch (event.key) {
        case '/':
          document.querySelector<HTMLElement>('[data-search]')?.focus();
          break;
        case 'j':
          step(1);
          break;
        case 'k':
          step(-1);
          break;
        case '?':
          help();
          break;
        default:
          return;
      }
      event.preventDefault();
    };

    addEventListener('keydown', key);
    return () => removeEventListener('keydown', key);
  }, [help]);
}
