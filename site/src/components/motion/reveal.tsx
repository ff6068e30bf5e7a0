import type { HTMLAttributes } from 'react';

import { cn } from '@/lib/cn';

// Rendered at build time.  Where it starts from is a class that acts only
// under .js; src/scripts/reveal.ts moves it when it comes into view.
export function Reveal({ className, delay = 0, ...rest }: HTMLAttributes<HTMLDivElement> & { delay?: number }) {
  return <div className={cn('reveal', className)} data-delay={delay || undefined} {...rest} />;
}
