import { useEffect, useReducer, useRef } from 'react';

// The fields of a form stay the browser's own: what was typed before the
// island was awake is still there when it is.
export function useForm() {
  const form = useRef<HTMLFormElement>(null);
  const [, again] = useReducer((n: number) => n + 1, 0);

  useEffect(() => {
    const f = form.current;
    if (!f) return;
    f.addEventListener('input', again);
    again();
    return () => f.removeEventListener('input', again);
  }, []);

  const number = (name: string, or: number): number => {
    const field = form.current?.elements.namedItem(name) as HTMLInputElement | null;
    const value = field?.valueAsNumber ?? or;
    return Number.isFinite(value) ? Math.max(0, value) : 0;
  };
  const checked = (name: string): boolean =>
    (form.current?.elements.namedItem(name) as HTMLInputElement | null)?.checked ?? false;

  return { form, number, checked };
}
