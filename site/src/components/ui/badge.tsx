import type { HTMLAttributes } from 'react';

import { cn } from '@/lib/cn';

const tones = {
  neutral: 'bg-wash text-muted',
  good: 'bg-good-wash text-good',
  warm: 'bg-accent-wash text-accent-ink',
  bad: 'bg-danger-wash text-danger-ink'
} as const;

export function Badge({ tone = 'neutral', className, ...rest }: HTMLAttributes<HTMLSpanElement> & { tone?: keyof typeof tones }) {
  return (
    <span className={cn('inline-flex items-center gap-1.5 rounded-full px-3 py-1 text-sm font-semibold whitespace-nowrap', tones[tone], className)} {...rest} />
  );
}
