// What is sold, and for how much: the one table, which pricing, estimator,
// order and ROI calculator read.  The names are those of tavus_plan and its
// add_on lines in nginx.conf.  A deployment may have other prices, as
// "prices" of /config.json.

import type { FeatureId } from './features';

export type Every = 'month' | 'once';

export const PLANS = [
  {
    id: 'basic',
    name: 'Basic',
    amount: 2_500,
    minutes: 25,
    text: 'To try it on one page, with real visitors.',
    points: [{ text: 'Help by e-mail', of: 'support' }]
  },
  {
    id: 'starter',
    name: 'Starter',
    amount: 19_900,
    minutes: 150,
    text: 'For one site that wants to answer by itself.',
    points: [
      { text: 'Help by e-mail', of: 'support' },
      { text: 'Set up together with you', of: 'setup' }
    ]
  },
  {
    id: 'growth',
    name: 'Growth',
    amount: 59_900,
    minutes: 1200,
    text: 'For a team that works with what it hears.',
    points: [
      { text: 'Help by e-mail', of: 'support' },
      { text: 'Set up together with you', of: 'setup' }
    ]
  },
  {
    id: 'scale',
    name: 'Scale',
    amount: 149_900,
    minutes: 5000,
    text: 'For many conversations at the same time.',
    points: [
      { text: 'Help by e-mail', of: 'support' },
      { text: 'Set up together with you', of: 'setup' },
      { text: 'Packs of minutes, below', of: 'packs' }
    ]
  }
] as const satisfies { id: string; name: string; amount: number; minutes: number; text: string; points: { text: string; of: FeatureId }[] }[];

export type PlanId = (typeof PLANS)[number]['id'];

const ALL: readonly PlanId[] = PLANS.map((p) => p.id);

// on: the plans that it can be had with.  Packs come on top of the largest
// alone: on a smaller one they would be that, for less.
export const ADD_ONS = [
  {
    id: 'minutes_1k',
    name: '1,000 more minutes',
    amount: 4_000,
    every: 'once',
    max: 10,
    on: ['scale'],
    of: 'packs',
    text: 'For a month that is busier than others.'
  },
  {
    id: 'multilingual',
    name: 'More languages',
    amount: 3_900,
    every: 'month',
    max: 1,
    on: ALL,
    of: 'languages',
    text: 'We set agents up that answer in other languages.'
  },
  {
    id: 'ivr',
    name: 'Phone menu',
    amount: 5_900,
    every: 'month',
    max: 1,
    on: ALL,
    of: 'phone',
    text: 'We set a menu up with your phone provider, for callers.'
  },
  {
    id: 'sla',
    name: 'Service level',
    amount: 9_900,
    every: 'month',
    max: 1,
    on: ALL,
    of: 'service_level',
    text: 'Agreed response times of our people, in writing.'
  },
  {
    id: 'concurrency',
    name: 'More at once',
    amount: 4_900,
    every: 'month',
    max: 1,
    on: ALL,
    of: 'capacity',
    text: 'A higher cap on simultaneous conversations.'
  },
  { id: 'replica', name: 'Your own face', amount: 19_900, every: 'once', max: 1, on: ALL, of: 'face', text: 'A replica made from your recording.' },
  { id: 'hipaa', name: 'HIPAA', amount: 5_900, every: 'month', max: 1, on: ALL, of: 'baa', text: 'For covered entities, with a BAA.' }
] as const;

export type AddOnId = (typeof ADD_ONS)[number]['id'];

export const PACK = 'minutes_1k' satisfies AddOnId;
export const PACK_MINUTES = 1000;

// Amounts are in the currency's minor unit, as Stripe has them.
export interface PlanPrice {
  amount: number;
  minutes: number;
}
export interface AddOnPrice {
  amount: number;
  every: Every;
  max: number;
  on: readonly PlanId[];
}
export interface Prices {
  currency: string;
  plans: Record<PlanId, PlanPrice>;
  add_ons: Record<AddOnId, AddOnPrice>;
}

export const BUILT_IN: Prices = {
  currency: 'USD',
  plans: Object.fromEntries(PLANS.map(({ id, amount, minutes }) => [id, { amount, minutes }])) as Prices['plans'],
  add_ons: Object.fromEntries(ADD_ONS.map(({ id, amount, every, max, on }) => [id, { amount, every, max, on }])) as Prices['add_ons']
};

// ---- money -----------------------------------------------------------------

// How many decimals an amount of Stripe has, as sql/orders.sql has it:
// https://docs.stripe.com/currencies
const WHOLE = new Set('BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF'.split(' '));
const THREE = new Set('BHD JOD KWD OMR TND'.split(' '));

export const exponent = (currency: string): number => (WHOLE.has(currency) ? 0 : THREE.has(currency) ? 3 : 2);

export const major = (amount: number, currency: string): number => amount / 10 ** exponent(currency);

const formats = new Map<string, Intl.NumberFormat>();

// No cents where there are none.
export function money(amount: number, currency: string): string {
  const minor = 10 ** exponent(currency);
  const whole = Math.round(amount);
  const digits = whole % minor === 0 ? 0 : exponent(currency);
  let format = formats.get(currency + digits);

  if (!format) {
    format = new Intl.NumberFormat('en-US', {
      style: 'currency',
      currency,
      minimumFractionDigits: digits,
      maximumFractionDigits: digits
    });
    formats.set(currency + digits, format);
  }
  return format.format(whole / minor).replace('-', '−');
}

export const symbol = (currency: string): string =>
  new Intl.NumberFormat('en-US', { style: 'currency', currency }).formatToParts(0).find((p) => p.type === 'currency')!.value;

export const count = (n: number): string => n.toLocaleString('en-US');

// ---- what costs least ------------------------------------------------------

// The plan with so many packs that holds so many minutes for the least, and of
// two the one with more room; undefined where none does.
export interface Fit {
  plan: PlanId;
  packs: number;
  amount: number;
}

export function fitting(prices: Prices, minutes: number): Fit | undefined {
  const pack = prices.add_ons[PACK];
  let best: (Fit & { holds: number }) | undefined;

  for (const { id: plan } of PLANS) {
    const { amount, minutes: has } = prices.plans[plan];
    const packs = Math.max(0, Math.ceil((minutes - has) / PACK_MINUTES));

    if (packs > (pack.on.includes(plan) ? pack.max : 0)) continue;

    const fit = { plan, packs, amount: amount + packs * pack.amount, holds: has + packs * PACK_MINUTES };

    if (!best || fit.amount < best.amount || (fit.amount === best.amount && fit.holds > best.holds)) {
      best = fit;
    }
  }
  return best && { plan: best.plan, packs: best.packs, amount: best.amount };
}

// ---- other prices ----------------------------------------------------------

const MOST = 99_999_999; // of an amount, at Stripe

type Doc = Record<string, unknown>;

const isDoc = (v: unknown): v is Doc => typeof v === 'object' && v !== null && !Array.isArray(v);
const isWhole = (v: unknown, min: number, max: number): v is number => Number.isInteger(v) && (v as number) >= min && (v as number) <= max;

function known(doc: unknown, names: readonly string[], what: string): Doc {
  if (doc === undefined) return {};
  if (!isDoc(doc)) throw new Error(`${what} is no object`);

  const odd = Object.keys(doc).find((k) => !names.includes(k));

  if (odd !== undefined) throw new Error(`${what} has "${odd}", which is not known`);
  return doc;
}

function fits(ok: boolean, what: string): void {
  if (!ok) throw new Error(`${what} is not right`);
}

// A table with what is said in place of what is built in.  Throws where that
// is none to sell by: of each plan it must be true that who needs its minutes
// has them for no less than its price.
export function withPrices(said: unknown): Prices {
  const doc = known(said, ['currency', 'plans', 'add_ons'], 'prices');
  const plans = known(doc.plans, ALL, 'plans');
  const addOns = known(
    doc.add_ons,
    ADD_ONS.map((a) => a.id),
    'add_ons'
  );
  const prices: Prices = {
    currency: (doc.currency ?? BUILT_IN.currency) as string,
    plans: { ...BUILT_IN.plans },
    add_ons: { ...BUILT_IN.add_ons }
  };

  fits(typeof prices.currency === 'string' && /^[A-Z]{3}$/.test(prices.currency), 'currency');
  fits(
    doc.currency === undefined || prices.currency === BUILT_IN.currency || (ALL.every((id) => id in plans) && ADD_ONS.every((a) => a.id in addOns)),
    'currency without all amounts'
  );

  for (const id of ALL) {
    const p = { ...prices.plans[id], ...known(plans[id], ['amount', 'minutes'], id) };

    fits(isWhole(p.amount, 1, MOST), `${id}: amount`);
    fits(isWhole(p.minutes, 1, 1e7), `${id}: minutes`);
    prices.plans[id] = p;
  }

  for (const { id } of ADD_ONS) {
    const a = { ...prices.add_ons[id], ...known(addOns[id], ['amount', 'every', 'max', 'on'], id) };

    fits(isWhole(a.amount, 0, MOST), `${id}: amount`);
    fits(a.every === 'month' || a.every === 'once', `${id}: every`);
    fits(isWhole(a.max, 1, 1000), `${id}: max`);
    fits(Array.isArray(a.on) && a.on.every((p) => ALL.includes(p as PlanId)), `${id}: on`);
    prices.add_ons[id] = a;
  }

  for (const id of ALL) {
    const { minutes, amount } = prices.plans[id];
    const fit = fitting(prices, minutes)!;

    if (fit.amount < amount) {
      throw new Error(`${fit.plan} with ${fit.packs} packs holds as much as ${id}, for less`);
    }
  }
  return prices;
}

// As a page takes it: what cannot be is refused, and said to who looks.
export function pricesOf(said: unknown): Prices {
  try {
    return withPrices(said);
  } catch (error) {
    console.error(`/config.json: ${(error as Error).message}; the prices built in are shown`);
    return BUILT_IN;
  }
}
