import { useEffect, useState } from 'react';

import { AdminError, ask } from '@/lib/admin';

export interface Asked<T> {
  data?: T;
  error?: AdminError;
  busy: boolean;
}

export type Asking<T> = (path: string, signal: AbortSignal, show: (data: T) => void) => Promise<T>;

export function useAsk<T>(path: string, turn = 0, asking: Asking<T> = ask): Asked<T> {
  const [asked, setAsked] = useState<Asked<T> & { path?: string }>({ busy: true });

  useEffect(() => {
    const abort = new AbortController();

    setAsked((a) => ({ ...(a.path === path && { data: a.data }), path, busy: true }));
    asking(path, abort.signal, (data) => {
      if (!abort.signal.aborted) setAsked({ data, path, busy: true });
    })
      .then((data) => setAsked({ data, path, busy: false }))
      .catch((error: unknown) => {
        if (abort.signal.aborted) return;
        setAsked({
          error: error instanceof AdminError ? error : new AdminError(0, 'network', 'The server could not be reached.'),
          path,
          busy: false
        });
      });
    return () => abort.abort();
  }, [path, turn, asking]);

  return asked;
}
