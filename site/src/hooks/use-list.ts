import { type InfiniteData, type QueryKey, skipToken, useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';

import { AdminError, type Page, search } from '@/lib/admin';

export interface List<T> {
  rows: T[] | undefined;
  error: AdminError | undefined;
  busy: boolean;
  // these are of the question before
  old: boolean;
  // there is more; searched: how far it was looked for what there is
  more: boolean;
  searched: string | undefined;
  older: () => void;
}

export const failure = (error: Error | null): AdminError | undefined =>
  !error ? undefined : error instanceof AdminError ? error : new AdminError(0, 'unknown', error.message);

// A list that goes on: pages by their cursor, one after the other.  What was there stays
// while another question is under way, until something of that is found.
export function useList<T>(key: QueryKey, ask: (cursor: string | undefined, limit: number, signal: AbortSignal) => Promise<Page<T>>): List<T> {
  const client = useQueryClient();
  const part = ['part', ...key];
  const list = useInfiniteQuery<Page<T>, Error, InfiniteData<Page<T>>, QueryKey, string | undefined>({
    queryKey: key,
    initialPageParam: undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    queryFn: ({ pageParam, signal }) =>
      search<T>(
        (cursor, limit) => ask(cursor, limit, signal),
        pageParam,
        signal,
        (found) => {
          if (pageParam === undefined && !signal.aborted) client.setQueryData(part, found);
        }
      ),
    placeholderData: (before) => before
  });
  const found = useQuery<Page<T>>({ queryKey: part, queryFn: skipToken }).data;
  const old = list.isPlaceholderData;
  const pages = list.data?.pages;
  const last = pages?.at(-1);
  const early = (old || !pages) && list.isFetching ? found : undefined;

  return {
    rows: early?.rows.length ? early.rows : pages?.flatMap((p) => p.rows),
    error: failure(list.error),
    busy: list.isFetching,
    old: old && !early?.rows.length,
    more: list.hasNextPage,
    searched: early?.searched_to ?? (last?.next ? last.searched_to : undefined),
    older: () => void list.fetchNextPage()
  };
}
