import * as Radix from '@radix-ui/react-dialog';
import { Maximize2, Minimize2, Minus, X } from 'lucide-react';
import { type KeyboardEvent, type ReactNode, type RefObject, useCallback, useEffect, useRef, useState } from 'react';
import { flushSync } from 'react-dom';

// In the corner; before the page; or as small as what happens in it.
export type Size = 'corner' | 'wide' | 'tile';

const PHONE = '(max-width: 47.99rem)';

function usePhone(): boolean {
  const [phone, setPhone] = useState(false);

  useEffect(() => {
    const media = matchMedia(PHONE);
    const look = () => setPhone(media.matches);

    look();
    media.addEventListener('change', look);
    return () => media.removeEventListener('change', look);
  }, []);
  return phone;
}

function under(panel: HTMLElement, element: Element): DOMRect | undefined {
  const [a, b] = [element.getBoundingClientRect(), panel.getBoundingClientRect()];

  return a.right > b.left && a.left < b.right && a.bottom > b.top && a.top < b.bottom ? a : undefined;
}

// What is covered cannot be reached; beside the panel the page is as it was, but
// what gets the focus comes out from under it: the page is moved, or, where
// something stays in its place, the panel shrinks.
function useBeside(panel: RefObject<HTMLElement | null>, open: boolean, covers: boolean, shrink: () => void): void {
  useEffect(() => {
    if (!open || !covers) return;

    const others = [...document.body.children].filter((e): e is HTMLElement => e instanceof HTMLElement && e !== panel.current && !e.inert);

    for (const other of others) other.inert = true;
    return () => {
      for (const other of others) other.inert = false;
    };
  }, [panel, open, covers]);

  useEffect(() => {
    if (!open || covers) return;

    const free = ({ target }: FocusEvent) => {
      const element = target as Element;
      const box = panel.current;
      const covered = box && !box.contains(element) && under(box, element);

      if (!covered) return;
      scrollBy({ top: covered.bottom - box.getBoundingClientRect().top + 12, behavior: 'instant' });
      // at once, so that what has the focus is never covered
      if (under(box, element)) flushSync(shrink);
    };

    document.addEventListener('focusin', free);
    return () => document.removeEventListener('focusin', free);
  }, [panel, open, covers, shrink]);
}

const button = 'grid size-11 place-items-center rounded-full hover:bg-wash [&_svg]:size-5';

export function Panel({
  open,
  size,
  onSize,
  onClose,
  title,
  description,
  opener,
  children
}: {
  open: boolean;
  size: Size;
  onSize: (size: Size) => void;
  onClose: () => void;
  title: string;
  description: string;
  opener: RefObject<HTMLElement | null>;
  children: ReactNode;
}) {
  const panel = useRef<HTMLDivElement>(null);
  const phone = usePhone();
  const covers = size === 'wide' || (phone && size !== 'tile');

  const shrink = useCallback(() => onSize('tile'), [onSize]);

  useBeside(panel, open, covers, shrink);

  // Radix leads the focus round and round, which is right where nothing else can
  // be reached
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Tab' && !covers) event.stopPropagation();
  };

  return (
    <Radix.Root
      open={open}
      modal={false}
      onOpenChange={(now) => {
        if (!now) onClose();
      }}
    >
      <Radix.Portal>
        <Radix.Content
          ref={panel}
          data-panel={size}
          data-covers={covers || undefined}
          className="panel"
          aria-modal={covers || undefined}
          // not to the first button, which closes it or makes it small
          onOpenAutoFocus={(event) => {
            event.preventDefault();
            panel.current?.focus();
          }}
          onInteractOutside={(event) => event.preventDefault()}
          onCloseAutoFocus={(event) => {
            event.preventDefault();
            opener.current?.focus();
          }}
        >
          <div className="flex min-h-0 flex-1 flex-col" onKeyDown={onKeyDown}>
            <div className="panel-head">
              <Radix.Title className="me-auto ps-2 font-display text-lg font-bold">{title}</Radix.Title>
              {size === 'tile' ? (
                <button type="button" className={button} aria-label="Back to the conversation" onClick={() => onSize('corner')}>
                  <Maximize2 aria-hidden="true" />
                </button>
              ) : (
                <>
                  <button type="button" className={button} aria-label="Make it small" onClick={() => onSize('tile')}>
                    <Minus aria-hidden="true" />
                  </button>
                  {!phone && (
                    <button
                      type="button"
                      className={button}
                      aria-label={size === 'wide' ? 'Back to the corner' : 'Make it large'}
                      onClick={() => onSize(size === 'wide' ? 'corner' : 'wide')}
                    >
                      {size === 'wide' ? <Minimize2 aria-hidden="true" /> : <Maximize2 aria-hidden="true" />}
                    </button>
                  )}
                </>
              )}
              <Radix.Close className={button} aria-label="Close video chat">
                <X aria-hidden="true" />
              </Radix.Close>
            </div>
            <Radix.Description className="sr-only">{description}</Radix.Description>
            {children}
          </div>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
