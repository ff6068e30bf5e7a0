import { Alert } from '@/components/ui/alert';
import { Badge } from '@/components/ui/badge';
import { Card } from '@/components/ui/card';
import type { AdminError } from '@/lib/admin';

import { go } from '@/hooks/use-url';

export const when = (iso?: string | null): string => (iso ? new Date(iso).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'medium' }) : '–');

export function Time({ iso }: { iso?: string | null }) {
  return iso ? (
    <time dateTime={iso} title={iso} className="whitespace-nowrap tabular-nums">
      {when(iso)}
    </time>
  ) : (
    <>–</>
  );
}

const tones = { webhook: 'neutral', error: 'bad', info: 'neutral', conversion: 'good' } as const;

export const TypeBadge = ({ type }: { type: string }) => <Badge tone={tones[type as keyof typeof tones] ?? 'neutral'}>{type}</Badge>;

export const StatusBadge = ({ status }: { status: string }) => <Badge tone={status === 'active' ? 'good' : 'neutral'}>{status}</Badge>;

// A real link, so that it opens in a tab of its own if that is wanted.
export function Go({ to, children, className = 'link' }: { to: string; children: React.ReactNode; className?: string }) {
  return (
    <a
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

export const Empty = ({ children }: { children: string }) => <Card className="text-center text-muted">{children}</Card>;

export function Failed({ error }: { error: AdminError }) {
  return (
    <Alert live tone="bad" title={error.status === 400 ? 'A filter was not understood' : 'That could not be read'}>
      {error.message}
    </Alert>
  );
}
