// What the pages share, from src/content, which is the owner's to write.

import demos from '@/content/demos.json';
import customers from '@/content/customers.json';
import imprint from '@/content/imprint.json';
import site from '@/content/site.json';

import type { FeatureId } from './features';

export const NAME = site.name;
export const EMAIL = site.email;
export const TAGLINE = site.tagline;

export const NAV = [
  { href: '/demos', label: 'Demos' },
  { href: '/pricing', label: 'Pricing' },
  { href: '/roi-calculator', label: 'ROI' },
  { href: '/about', label: 'About' },
  { href: '/contact', label: 'Contact' }
] as const;

export type Vertical = 'healthcare' | 'legal' | 'ecommerce' | 'general';

export interface Demo {
  vertical: Exclude<Vertical, 'general'>;
  title: string;
  short: string;
  headline: string;
  lead: string;
  asks: string[];
  does: { title: string; text: string; of: FeatureId[] }[];
  never: string;
}

// pages that show none of them need not carry them
export const DEMOS: Demo[] = /* @__PURE__ */ demos.map(({ id, ...demo }) => ({ vertical: id as Demo['vertical'], ...demo }) as Demo);

// People and companies that exist, and have said so; none until then.
export interface Customer {
  id: string;
  quote: string;
  name: string;
  role: string;
  url?: string;
}

export const CUSTOMERS = customers as Customer[];

// Who runs the site, as some countries want it; nothing is shown until it is filled in.
export const IMPRINT: string[] = imprint.lines;
