import type { ReactNode } from 'react';

import { cn } from '@/lib/cn';

const tones = {
  info: 'border-line bg-wash text-ink',
  good: 'border-transparent bg-good-wash text-ink',
  warm: 'border-transparent bg-accent-wash text-ink',
  bad: 'border-transparent bg-danger-wash text-ink'
} as const;

export function Alert({
  tone = 'info',
  title,
  children,
  className,
  live = false
}: {
  tone?: keyof typeof tones;
  title?: string;
  children?: ReactNode;
  className?: string;
  live?: boolean;
}) {
  return (
    <div role={live ? 'alert' : undefined} className={cn('rounded-2xl border px-5 py-4', tones[tone], className)}>
      {title && <p className="font-bold">{title}</p>}
      {children && <div className="text-base">{children}</div>}
    </div>
  );
}
