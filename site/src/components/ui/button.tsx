import type { AnchorHTMLAttributes, ButtonHTMLAttributes } from 'react';

import { cn } from '@/lib/cn';

const base =
  'inline-flex items-center justify-center gap-2 rounded-full font-semibold ' +
  'transition-[background-color,color,box-shadow,transform] duration-200 ' +
  'active:translate-y-px disabled:cursor-not-allowed disabled:opacity-55 ' +
  'aria-busy:cursor-progress [&_svg]:size-[1.15em] [&_svg]:shrink-0';

const variants = {
  primary: 'bg-primary text-on-primary shadow-soft hover:bg-primary-strong',
  accent: 'bg-accent text-on-accent shadow-soft hover:bg-accent-strong',
  outline: 'border border-line-strong bg-transparent text-ink hover:bg-wash',
  ghost: 'text-ink hover:bg-wash',
  // on pictures and on the dark green, in both themes
  bright: 'bg-[#ff8a66] text-[#2a0e05] hover:bg-[#ffa487]',
  clear: 'border border-white/40 text-white hover:bg-white/10',
  danger: 'bg-danger text-on-danger hover:opacity-90'
} as const;

const sizes = {
  sm: 'min-h-9 px-4 text-sm',
  md: 'min-h-11 px-5 text-base',
  lg: 'min-h-13 px-7 text-lg',
  icon: 'size-11'
} as const;

export interface ButtonLook {
  variant?: keyof typeof variants;
  size?: keyof typeof sizes;
}

export const buttonLook = ({ variant = 'primary', size = 'md' }: ButtonLook, ...more: (string | undefined)[]): string =>
  cn(base, variants[variant], sizes[size], ...more);

export function Button({ variant, size, className, type = 'button', ...rest }: ButtonHTMLAttributes<HTMLButtonElement> & ButtonLook) {
  return <button type={type} className={buttonLook({ variant, size }, className)} {...rest} />;
}

export function ButtonLink({ variant, size, className, ...rest }: AnchorHTMLAttributes<HTMLAnchorElement> & ButtonLook) {
  return <a className={buttonLook({ variant, size }, className)} {...rest} />;
}
