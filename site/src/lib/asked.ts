// "Ask for this plan" leads to /contact?plan=…: what was chosen, as the
// beginning of a message.

import { ADD_ONS, PLANS } from './prices';

export function askedFor(query: URLSearchParams): string {
  const plan = PLANS.find((p) => p.id === query.get('plan'));

  if (!plan) return '';

  const more = ADD_ONS.flatMap(({ id, name }) => {
    const n = query.get(id) ?? '';
    return /^[1-9]\d{0,2}$/.test(n) ? [n === '1' ? name : `${n} × ${name}`] : [];
  });

  return `I would like the plan ${plan.name}${more.length ? ` with: ${more.join(', ')}` : ''}.\n`;
}
