// "Ask for this plan" leads to /contact?plan=…, and who would not wait in line
// comes with ?waited=…: what is known, as the beginning of a message.

import { order } from './plan';
import { ADD_ONS, major, PLANS, type Prices } from '@/data/prices';
import { DEMOS } from '@/data/site';

const planIn = (query: URLSearchParams) => PLANS.find((p) => p.id === query.get('plan'));

const manyIn = (query: URLSearchParams, id: string): number => {
  const n = query.get(id) ?? '';
  return /^[1-9]\d{0,2}$/.test(n) ? Number(n) : 0;
};

// What a message that asks for a plan would bring, if it were bought.
export function worth(query: URLSearchParams, prices: Prices): { plan?: string; value?: number; currency?: string } {
  const plan = planIn(query);

  if (!plan) return {};

  const { first } = order(prices, plan.id, Object.fromEntries(ADD_ONS.map(({ id }) => [id, manyIn(query, id)])));

  return { plan: plan.id, value: major(first, prices.currency), currency: prices.currency };
}

function waitedFor(query: URLSearchParams): string {
  const topic = DEMOS.find((d) => d.vertical === query.get('waited'))?.title.toLowerCase();

  return `I was in line for the ${topic ? `${topic} ` : ''}agent, and would rather have an answer by e-mail. My question:\n`;
}

export function askedFor(query: URLSearchParams): string {
  const plan = planIn(query);

  if (!plan) return query.has('waited') ? waitedFor(query) : '';

  const more = ADD_ONS.flatMap(({ id, name }) => {
    const n = manyIn(query, id);
    return n ? [n === 1 ? name : `${n} × ${name}`] : [];
  });

  return `I would like the plan ${plan.name}${more.length ? ` with: ${more.join(', ')}` : ''}.\n`;
}
