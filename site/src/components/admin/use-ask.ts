import { useEffect, useState } from 'react';

import { AdminError, ask } from '@/lib/admin';

export interface Asked<T> { data?: T; error?: AdminError; busy: boolean }

export function useAsk<T>(path: string, turn = 0): Asked<T> {
  const [asked, setAsked] = useState<Asked<T> & { path?: string }>({ busy: true });

  useEffect(() => {
    const abort = new AbortController();

    setAsked((a) => ({ ...(a.path === path && { data: a.data }), path, busy: true }));
    ask<T>(path, abort.signal)
      .then((data) => setAsked({ data, path, busy: false }))
      .catch((error: unknown) => {
        if (abort.signal.aborted) return;
        setAsked({
          error: error instanceof AdminError ? error : new AdminError(0, 'network', 'The server could not be reached.'),
          path, busy: false
        });
      });
    return () => abort.abort();
  }, [path, turn]);

  return asked;
}
