// Sums over the table of prices: an order, and what a month brings.

import { ADD_ONS, type AddOnId, type Every, type Fit, fitting, type PlanId, PLANS, type Prices } from '@/data/prices';

export interface Line {
  id: PlanId | AddOnId;
  name: string;
  quantity: number;
  amount: number;
  every: Every;
}
export interface Order {
  plan: PlanId;
  add_ons: Partial<Record<AddOnId, number>>;
  lines: Line[];
  first: number; // what is paid at once
  monthly: number; // and each month after it
}

export const planName = (id: PlanId): string => PLANS.find((p) => p.id === id)!.name;

// What is wanted, as far as it can be had.
export function order(prices: Prices, plan: PlanId, wanted: Partial<Record<AddOnId, number>>): Order {
  const lines: Line[] = [{ id: plan, name: planName(plan), quantity: 1, amount: prices.plans[plan].amount, every: 'month' }];
  const add_ons: Order['add_ons'] = {};

  for (const { id, name } of ADD_ONS) {
    const { amount, every, max, on } = prices.add_ons[id];
    const asked = Math.floor(wanted[id] ?? 0);
    const quantity = on.includes(plan) && asked > 0 ? Math.min(asked, max) : 0;

    if (!quantity) continue;
    add_ons[id] = quantity;
    lines.push({ id, name, quantity, amount: amount * quantity, every });
  }

  const sum = (of: Line[]) => of.reduce((n, l) => n + l.amount, 0);

  return { plan, add_ons, lines, first: sum(lines), monthly: sum(lines.filter((l) => l.every === 'month')) };
}

export interface Month {
  leads: number;
  conversion: number; // per cent
  deal: number;
  lift: number; // per cent
  hours: number; // a week
  share: number; // per cent
  wage: number;
  minutes: number;
}

export interface Return {
  now: number;
  more: number;
  saved: number;
  fit: Fit | undefined;
  net: number | undefined; // where no plan holds it, nobody knows
}

const WEEKS = 52 / 12;

// In minor units, as the prices are; minor: how many make one of what the
// visitor counts in.
export function returns(prices: Prices, m: Month, minor: number): Return {
  const now = m.leads * (m.conversion / 100) * m.deal * minor;
  const more = now * (m.lift / 100);
  const saved = m.hours * WEEKS * (m.share / 100) * m.wage * minor;
  const fit = fitting(prices, m.minutes);

  return { now, more, saved, fit, net: fit && more + saved - fit.amount };
}
