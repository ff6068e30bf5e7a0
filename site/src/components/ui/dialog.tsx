import { type ReactNode, useEffect, useId, useRef } from 'react';

// The browser's own: what is behind it can be neither seen to nor reached, and Esc closes it.
export function Dialog({ open, onClose, title, children }: { open: boolean; onClose: () => void; title: string; children: ReactNode }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();

  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);

  return (
    <dialog
      ref={dialog}
      aria-labelledby={id}
      className="m-auto w-[min(100%-2rem,28rem)] rounded-2xl border border-line bg-surface p-6 text-ink shadow-soft backdrop:bg-[#0b1512]/60"
      onClose={onClose}
    >
      {open && (
        <>
          <h2 id={id} className="font-display text-xl font-bold">
            {title}
          </h2>
          {children}
        </>
      )}
    </dialog>
  );
}
