import { useEffect } from 'react';

// While a call is on, who would leave the page by a link is asked first; of a closed
// tab or an address that is typed the browser asks.
export function useStay(talking: boolean, ask: (href: string) => void): void {
  useEffect(() => {
    if (!talking) return;

    const away = (event: BeforeUnloadEvent) => event.preventDefault();
    const click = (event: MouseEvent) => {
      const link = (event.target as Element).closest<HTMLAnchorElement>('a[href]');

      if (
        !link ||
        event.button !== 0 ||
        event.metaKey ||
        event.ctrlKey ||
        event.shiftKey ||
        event.altKey ||
        event.defaultPrevented ||
        (link.target && link.target !== '_self') ||
        link.hasAttribute('download')
      )
        return;
      // in this page, or in another program
      if (!/^https?:$/.test(link.protocol) || (link.hash && link.href.split('#')[0] === location.href.split('#')[0])) return;

      event.preventDefault();
      ask(link.href);
    };

    addEventListener('beforeunload', away);
    document.addEventListener('click', click);
    return () => {
      removeEventListener('beforeunload', away);
      document.removeEventListener('click', click);
    };
  }, [talking, ask]);
}
