// What stands on the card of a page when its link is shared: its claim, and who is
// drawn on it.  Others show the first one.

export const CARDS: Record<string, { claim: string; who: 'general' | 'healthcare' | 'legal' | 'ecommerce' }> = {
  '/': { claim: 'A face for every question on your site.', who: 'general' },
  '/demos': { claim: 'Three desks. Pull up a chair.', who: 'ecommerce' },
  '/demos/healthcare': { claim: 'The front desk that never puts anyone on hold.', who: 'healthcare' },
  '/demos/legal': { claim: 'Intake that listens before it files.', who: 'legal' },
  '/demos/ecommerce': { claim: 'A shop assistant on every page.', who: 'ecommerce' },
  '/pricing': { claim: 'Pay for conversations, not for seats.', who: 'general' },
  '/roi-calculator': { claim: 'Would it pay? Use your own numbers.', who: 'legal' },
  '/about': { claim: 'People would rather ask than search.', who: 'healthcare' },
  '/contact': { claim: 'Write to us. A person reads it.', who: 'general' }
};

export const cardName = (path: string): string => `card${(path in CARDS ? path : '/').replaceAll('/', '-').replace(/-$/, '')}`;
