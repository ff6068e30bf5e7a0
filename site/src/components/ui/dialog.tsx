import * as Radix from '@radix-ui/react-dialog';
import { X } from 'lucide-react';
import type { ReactNode, RefObject } from 'react';

// Radix keeps the focus in, listens to Esc and hides the rest from readers.
// Its Overlay is left out: it locks scrolling with a style element, which the
// policy refuses; a rule on :has() in site.css does the same.
export function Dialog({ open, onClose, title, description, children, opener }: {
  open: boolean;
  onClose: () => void;
  title: string;
  description: string;
  children: ReactNode;
  opener: RefObject<HTMLElement | null>;
}) {
  return (
    <Radix.Root open={open} onOpenChange={(now) => { if (!now) onClose(); }}>
      <Radix.Portal>
        <div className="dialog-shade" aria-hidden="true" />
        <Radix.Content
          data-dialog
          className="dialog"
          onInteractOutside={(event) => event.preventDefault()}
          onCloseAutoFocus={(event) => {
            event.preventDefault();
            opener.current?.focus();
          }}
        >
          <div className="flex items-center justify-between gap-4 px-5 py-3 sm:px-6">
            <Radix.Title className="font-display text-lg font-bold">{title}</Radix.Title>
            <Radix.Close className="grid size-11 place-items-center rounded-full hover:bg-wash" aria-label="Close video chat">
              <X aria-hidden="true" />
            </Radix.Close>
          </div>
          <Radix.Description className="sr-only">{description}</Radix.Description>
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
