import { useCallback, useSyncExternalStore } from 'react';

// The address is the state: a link shows somebody else the same list.
const CHANGED = 'admin:url';

function subscribe(changed: () => void): () => void {
  addEventListener('popstate', changed);
  addEventListener(CHANGED, changed);
  return () => {
    removeEventListener('popstate', changed);
    removeEventListener(CHANGED, changed);
  };
}

export function go(search: string): void {
  history.pushState(null, '', location.pathname + search);
  dispatchEvent(new Event(CHANGED));
}

export function useUrl(): [URLSearchParams, (change: Record<string, string | null>) => void] {
  const search = useSyncExternalStore(
    subscribe,
    () => location.search,
    () => ''
  );

  const set = useCallback((change: Record<string, string | null>) => {
    const next = new URLSearchParams(location.search);

    for (const [name, value] of Object.entries(change)) {
      if (value) next.set(name, value);
      else next.delete(name);
    }
    go(next.size ? `?${next}` : '');
  }, []);

  return [new URLSearchParams(search), set];
}

// Those of the address's members that are set: what an API is asked with.
export function useFilters<Q>(...names: string[]): Q {
  const [url] = useUrl();

  return Object.fromEntries(names.flatMap((name) => (url.get(name) ? [[name, url.get(name)]] : []))) as Q;
}
