import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';

import { Alert } from '@/components/ui/alert';
import { Badge } from '@/components/ui/badge';
import { Button, type ButtonLook } from '@/components/ui/button';
import { Card } from '@/components/ui/card';
import { Dialog } from '@/components/ui/dialog';
import { failure, type List } from '@/hooks/use-list';
import { go } from '@/hooks/use-url';
import { useZone } from '@/hooks/use-zone';
import type { AdminError, Money } from '@/lib/admin';

// In the zone that the owner has chosen; UTC is at hand.
export function Time({ iso, style }: { iso?: string | null | undefined; style?: Intl.DateTimeFormatOptions }) {
  const zone = useZone();

  return iso ? (
    <time dateTime={iso} title={`${iso.slice(0, 19).replace('T', ' ')} UTC`} className="whitespace-nowrap tabular-nums">
      {zone.show(iso, style)}
    </time>
  ) : (
    <>–</>
  );
}

const tones = {
  error: 'bad',
  dead: 'bad',
  failed: 'bad',
  stopped: 'bad',
  unpaid: 'bad',
  conversion: 'good',
  active: 'good',
  paid: 'good',
  ready: 'good',
  talked: 'good',
  waiting: 'warm',
  paused: 'warm',
  open: 'warm',
  processing: 'warm',
  unknown: 'warm'
} as const;

export const Tag = ({ of, tone }: { of: string; tone?: 'neutral' | 'good' | 'warm' | 'bad' }) => (
  <Badge tone={tone ?? tones[of as keyof typeof tones] ?? 'neutral'}>{of.replaceAll('_', ' ')}</Badge>
);

// A real link, so that it opens in a tab of its own if that is wanted.
export function Go({
  to,
  children,
  className = 'link',
  ...rest
}: {
  to: string;
  children: ReactNode;
  className?: string;
  'aria-current'?: 'page' | undefined;
}) {
  return (
    <a
      {...rest}
      href={`/admin${to}`}
      className={className}
      onClick={(e) => {
        if (e.metaKey || e.ctrlKey || e.shiftKey || e.button) return;
        e.preventDefault();
        go(to);
      }}
    >
      {children}
    </a>
  );
}

// To the rows of a view, by its filters.
export const to = (view: string, filters: Record<string, string | undefined> = {}): string =>
  `?${new URLSearchParams({ view, ...(Object.fromEntries(Object.entries(filters).filter(([, v]) => v)) as Record<string, string>) })}`;

export const Empty = ({ children }: { children: ReactNode }) => <Card className="text-center text-muted">{children}</Card>;

export function Failed({ error }: { error: AdminError | undefined }) {
  return error ? (
    <Alert live tone="bad" title={error.status === 400 ? 'A filter was not understood' : 'That could not be read'}>
      {error.message}
    </Alert>
  ) : null;
}

// As many lines as may come, before they do.
export const Skeleton = ({ lines = 6 }: { lines?: number }) => (
  <div className="flex flex-col gap-3 rounded-card border border-line bg-surface p-5" aria-hidden="true" data-skeleton>
    {Array.from({ length: lines }, (_, i) => (
      <div key={i} className="h-6 animate-pulse rounded-lg bg-wash" style={{ width: `${94 - ((i * 17) % 40)}%` }} />
    ))}
  </div>
);

// A list with all that may be instead of it, and its end.
export function Listed<T>({ list, empty, children }: { list: List<T>; empty: string; children: (rows: T[]) => ReactNode }) {
  return (
    <div aria-busy={list.busy} className="flex flex-col gap-4">
      <Failed error={list.error} />
      {!list.rows && list.busy && <Skeleton />}
      {list.rows &&
        (list.rows.length ? (
          <div className={list.old ? 'opacity-60 transition-opacity' : undefined}>{children(list.rows)}</div>
        ) : (
          !list.old && <Empty>{list.more || list.busy ? 'Nothing found so far.' : empty}</Empty>
        ))}
      <More list={list} />
    </div>
  );
}

export function More<T>({ list }: { list: List<T> }) {
  const { more, busy, searched, older } = list;

  if (!more && !searched) return null;
  return (
    <div className="flex flex-wrap items-center gap-3">
      {more && !busy && (
        <Button variant="outline" size="sm" onClick={older}>
          {searched ? 'Look further back' : 'Older'}
        </Button>
      )}
      {searched && (
        <p role="status" className="text-muted">
          {busy ? 'Looking' : 'Looked'} back to <Time iso={searched} />
          {busy && '…'}
        </p>
      )}
    </div>
  );
}

const money = ({ value, currency }: Money): string =>
  new Intl.NumberFormat('en-GB', {
    style: 'currency',
    currency: currency.toUpperCase(),
    currencyDisplay: 'narrowSymbol',
    trailingZeroDisplay: 'stripIfInteger'
  }).format(Number(value));

export const Sums = ({ of }: { of: Money[] | undefined }) => <span className="tabular-nums">{of?.length ? of.map(money).join(' + ') : '–'}</span>;

// What a thing has, name by name.
export function Facts({ of }: { of: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className="grid grid-cols-[repeat(auto-fill,minmax(11rem,1fr))] gap-x-8 gap-y-3">
      {of.map(([name, value]) => (
        <div key={name} className="min-w-0">
          <dt className="text-sm text-muted">{name}</dt>
          <dd className="break-words">{value || '–'}</dd>
        </div>
      ))}
    </dl>
  );
}

// A button that changes something: it says what it will do where there is no way back,
// and what came of it.
export function Act<T>({
  label,
  act,
  ask,
  done,
  after,
  ...look
}: ButtonLook & {
  label: string;
  act: () => Promise<T>;
  // what is asked first
  ask?: { title: string; text: ReactNode; yes: string };
  done?: (data: T) => string;
  after?: (data: T) => void;
}) {
  const client = useQueryClient();
  const [open, setOpen] = useState(false);
  const doing = useMutation({
    mutationFn: act,
    onSuccess: (data: T) => {
      after?.(data);
      return client.invalidateQueries();
    },
    onSettled: () => setOpen(false)
  });
  const failed = failure(doing.error);

  return (
    <span className="inline-flex flex-wrap items-center gap-2">
      <Button
        variant="outline"
        size="sm"
        {...look}
        aria-busy={doing.isPending}
        disabled={doing.isPending}
        onClick={() => {
          if (ask) setOpen(true);
          else doing.mutate();
        }}
      >
        {label}
      </Button>
      <span role="status" className={failed ? 'text-sm text-danger-ink' : 'text-sm text-muted'}>
        {failed ? failed.message : doing.isSuccess ? (done?.(doing.data) ?? '') : ''}
      </span>
      {ask && (
        <Dialog open={open} onClose={() => setOpen(false)} title={ask.title}>
          <p className="mt-2 text-muted">{ask.text}</p>
          <div className="mt-5 flex flex-wrap gap-2.5">
            <Button variant="outline" onClick={() => setOpen(false)}>
              Leave it
            </Button>
            <Button variant="danger" disabled={doing.isPending} onClick={() => doing.mutate()}>
              {ask.yes}
            </Button>
          </div>
        </Dialog>
      )}
    </span>
  );
}

export function Copy({ label, text }: { label: string; text: string }) {
  const [said, setSaid] = useState('');

  return (
    <Button
      variant="outline"
      size="sm"
      onClick={() => {
        void navigator.clipboard.writeText(text).then(
          () => setSaid('Copied'),
          () => setSaid('The browser did not let it')
        );
      }}
    >
      <span role="status">{said || label}</span>
    </Button>
  );
}
