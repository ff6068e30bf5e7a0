import { useEffect, useReducer, useRef } from 'react';

import { LIVE } from '@/lib/client-intent';

// The fields of a form stay the browser's own: what was typed before the
// island was awake is still there when it is.
export function useForm<T extends HTMLElement = HTMLFormElement>() {
  const form = useRef<T>(null);
  const [, again] = useReducer((n: number) => n + 1, 0);

  useEffect(() => {
    const f = form.current;
    if (!f) return;
    f.addEventListener('input', again);
    again();
    f.dispatchEvent(new Event(LIVE, { bubbles: true }));
    return () => f.removeEventListener('input', again);
  }, []);

  const field = (name: string) => form.current?.querySelector<HTMLInputElement>(`[name="${name}"]`);
  const number = (name: string, or: number): number => {
    const input = field(name);
    const value = input?.valueAsNumber ?? or;
    return Number.isFinite(value) ? Math.min(Math.max(0, value), Number(input?.max || 1e9)) : 0;
  };
  const checked = (name: string): boolean => field(name)?.checked ?? false;

  return { form, field, number, checked, again };
}
