import type { HTMLAttributes, ReactNode, TdHTMLAttributes, ThHTMLAttributes } from 'react';

import { cn } from '@/lib/cn';

export const Table = ({ className, ...rest }: HTMLAttributes<HTMLTableElement>) => (
  // scrolls by itself, and with the keyboard
  <div
    className="overflow-x-auto rounded-card border border-line bg-surface"
    tabIndex={0}
    role="region"
    aria-label={`${rest['aria-label'] ?? 'Table'}, scrolls sideways`}
  >
    <table className={cn('w-full border-collapse text-left text-sm', className)} {...rest} />
  </div>
);

export const Th = ({ className, ...rest }: ThHTMLAttributes<HTMLTableCellElement>) => (
  <th scope="col" className={cn('border-b border-line px-4 py-3 font-semibold whitespace-nowrap text-muted', className)} {...rest} />
);

export const Td = ({ className, ...rest }: TdHTMLAttributes<HTMLTableCellElement>) => (
  <td className={cn('border-b border-line px-4 py-3 align-baseline', className)} {...rest} />
);

// A table with a head of these names.
export const Rows = ({ label, columns, children }: { label: string; columns: readonly string[]; children: ReactNode }) => (
  <Table aria-label={label}>
    <thead>
      <tr>
        {columns.map((name) => (
          <Th key={name}>{name}</Th>
        ))}
      </tr>
    </thead>
    <tbody>{children}</tbody>
  </Table>
);
