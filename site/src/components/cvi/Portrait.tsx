import { cn } from '@/lib/cn';
import type { Vertical } from '@/data/site';

const files = import.meta.glob<string>('../../generated/pictures/*-800.{avif,webp}', { eager: true, query: '?url', import: 'default' });
const file = (vertical: Vertical, form: string) => files[`../../generated/pictures/${vertical}-800.${form}`];

// Who is about to be met: the drawing that the pages have.
export function Portrait({ vertical, className }: { vertical: Vertical; className?: string }) {
  return (
    <picture className={cn('block overflow-hidden', className)}>
      <source type="image/avif" srcSet={file(vertical, 'avif')} />
      <img src={file(vertical, 'webp')} width="1200" height="900" alt="" className="size-full object-cover" />
    </picture>
  );
}
