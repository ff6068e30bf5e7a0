import type { Vertical } from '@/data/site';

import { Session } from './Session';

// The stage of a demo page: what the visitor pressed has said yes already.
export function CVIDemo({ vertical, opener }: { vertical: Vertical; opener?: string | undefined }) {
  return (
    <section aria-label="Live demo" className="flex h-full min-h-0 flex-col overflow-hidden rounded-card bg-surface">
      <h2 className="sr-only">Live demo</h2>
      <Session vertical={vertical} opener={opener} startNow />
    </section>
  );
}
