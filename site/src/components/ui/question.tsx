import { type ReactNode, useEffect, useId, useRef } from 'react';

// Asks over what it is about, and gives the focus back.  Esc is the first answer,
// which must be the one that changes nothing.
export function Question({ title, text, onEscape, children }: { title: string; text: string; onEscape: () => void; children: ReactNode }) {
  const root = useRef<HTMLDivElement>(null);
  const id = useId();

  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;

    root.current?.querySelector('button')?.focus();
    return () => before?.focus();
  }, []);

  return (
    <div
      ref={root}
      role="alertdialog"
      aria-modal="true"
      aria-labelledby={`${id}t`}
      aria-describedby={`${id}x`}
      className="absolute inset-0 z-40 grid place-items-center overflow-y-auto bg-[#0b1512]/70 p-4"
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.stopPropagation();
        onEscape();
      }}
    >
      <div className="w-full max-w-sm rounded-2xl border border-line bg-surface p-5 shadow-soft">
        <h3 id={`${id}t`} className="text-xl">
          {title}
        </h3>
        <p id={`${id}x`} className="mt-2 text-muted">
          {text}
        </p>
        <div className="mt-4 flex flex-wrap gap-2.5">{children}</div>
      </div>
    </div>
  );
}
