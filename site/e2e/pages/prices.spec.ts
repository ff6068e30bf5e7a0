// The table of prices and what is reckoned with it: no browser is needed.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import { expect, test } from '@playwright/test';

import { order, returns } from '../../src/lib/plan';
import {
  ADD_ONS,
  type AddOnId,
  BUILT_IN,
  exponent,
  fitting,
  major,
  money,
  PACK,
  PACK_MINUTES,
  type PlanId,
  PLANS,
  type Prices,
  pricesOf,
  withPrices
} from '../../src/data/prices';

const SEED = Number(process.env.TAVUS_SEED ?? Date.now() % 2 ** 31);

// mulberry32
let state = SEED;
function random(): number {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const upTo = (n: number): number => Math.floor(random() * (n + 1));
const IDS: PlanId[] = PLANS.map((p) => p.id);

// Tables as an owner may write them, sensible or not.
function table(): Prices {
  const steep = random() < 0.7;
  let minutes = 0;
  let amount = 0;

  return {
    currency: ['USD', 'EUR', 'JPY', 'KWD'][upTo(3)]!,
    plans: Object.fromEntries(
      IDS.map((id) => {
        minutes = steep ? minutes + 1 + upTo(2000) : 1 + upTo(6000);
        amount = steep ? amount + 1 + upTo(60_000) : 1 + upTo(150_000);
        return [id, { minutes, amount }];
      })
    ) as Prices['plans'],
    add_ons: Object.fromEntries(
      ADD_ONS.map(({ id }) => [
        id,
        {
          amount: upTo(random() < 0.5 ? 60_000 : 5000),
          every: random() < 0.5 ? 'month' : 'once',
          max: 1 + upTo(11),
          on: IDS.filter(() => random() < (id === PACK ? 0.4 : 0.8))
        }
      ])
    ) as unknown as Prices['add_ons']
  };
}

// expect() is slow, and this is asked a hundred thousand times
function must(ok: boolean, what: string, ...with_: unknown[]): void {
  if (!ok) throw new Error(`${what}: ${with_.map((w) => JSON.stringify(w)).join(' ')} (TAVUS_SEED=${SEED})`);
}

// All that can be bought, one by one.
function combinations(t: Prices): { plan: PlanId; packs: number; holds: number; amount: number }[] {
  const pack = t.add_ons[PACK];

  return IDS.flatMap((plan) =>
    Array.from({ length: (pack.on.includes(plan) ? pack.max : 0) + 1 }, (_, packs) => ({
      plan,
      packs,
      holds: t.plans[plan].minutes + packs * PACK_MINUTES,
      amount: t.plans[plan].amount + packs * pack.amount
    }))
  );
}

test('the cheapest is recommended, and no combination undercuts a plan', () => {
  let taken = 0;
  let refused = 0;

  for (let i = 0; i < 3000; i++) {
    const t = i ? table() : BUILT_IN;
    const all = combinations(t);
    const undercut = IDS.some((id) => all.some((c) => c.holds >= t.plans[id].minutes && c.amount < t.plans[id].amount));

    for (let n = 0; n < 12; n++) {
      const some = all[upTo(all.length - 1)]!.holds;
      const need = n < 6 ? upTo(some * 2) : Math.max(0, some + upTo(2) - 1);
      const holding = all.filter((c) => c.holds >= need);
      const fit = fitting(t, need);

      must(fit?.amount === (holding.length ? Math.min(...holding.map((c) => c.amount)) : undefined), 'the cheapest', need, fit, t);
      if (!fit) continue;
      must(
        holding.some((c) => c.plan === fit.plan && c.packs === fit.packs && c.amount === fit.amount),
        'one that there is',
        need,
        fit,
        t
      );
      must(order(t, fit.plan, { [PACK]: fit.packs }).first === fit.amount, 'the order costs what the estimate says', need, fit, t);
    }

    let why = '';
    try {
      must(isDeepStrictEqual(withPrices(t), t), 'taken as it is', t);
    } catch (error) {
      why = (error as Error).message;
    }
    must(undercut ? why.endsWith('for less') : why === '', 'refused where a plan is undercut, and only there', why, t);
    if (undercut) refused++;
    else taken++;
    must(undercut || IDS.every((id) => fitting(t, t.plans[id].minutes)!.amount === t.plans[id].amount), 'a plan costs its price', t);
  }
  expect(taken).toBeGreaterThan(100);
  expect(refused).toBeGreaterThan(100);
});

test('an order has what can be had, and adds up', () => {
  for (let i = 0; i < 2000; i++) {
    const t = table();
    const plan = IDS[upTo(3)]!;
    const wanted = Object.fromEntries(ADD_ONS.map(({ id }) => [id, [0, 1, upTo(20), random() * 5, -1, NaN][upTo(5)]!])) as Record<AddOnId, number>;
    const o = order(t, plan, wanted);

    must(o.lines[0]!.id === plan && o.lines[0]!.quantity === 1, 'the plan', o, t);
    must(o.first === o.lines.reduce((n, l) => n + l.amount, 0) && o.monthly <= o.first, 'the sum', o, t);
    for (const [id, n] of Object.entries(o.add_ons) as [AddOnId, number][]) {
      const a = t.add_ons[id];
      must(Number.isInteger(n) && n >= 1 && n <= a.max && n <= wanted[id] && a.on.includes(plan), 'what can be had', id, n, t);
    }
    must(!/NaN|Infinity|undefined/.test(money(o.first, t.currency) + money(o.monthly, t.currency)), 'money', o, t);
  }
});

test('what is no table of prices is refused, and said', () => {
  const bad: [unknown, RegExp][] = [
    ['x', /no object/],
    [[], /no object/],
    [{ plan: {} }, /"plan"/],
    [{ plans: { gold: {} } }, /"gold"/],
    [{ plans: { starter: 199 } }, /no object/],
    [{ plans: { starter: { price: 199 } } }, /"price"/],
    [{ plans: { starter: { amount: 199.5 } } }, /amount/],
    [{ plans: { starter: { amount: '19900' } } }, /amount/],
    [{ plans: { starter: { amount: NaN } } }, /amount/],
    [{ plans: { starter: { amount: 0 } } }, /amount/],
    [{ plans: { starter: { amount: -1 } } }, /amount/],
    [{ plans: { starter: { amount: 1e9 } } }, /amount/],
    [{ plans: { starter: { minutes: null } } }, /minutes/],
    [{ plans: { starter: { amount: 90_000 } } }, /for less/],
    [{ add_ons: { minutes_1k: { on: ['basic'] } } }, /basic with 1 packs.* starter/],
    [{ add_ons: { minutes_1k: { max: 0 } } }, /max/],
    [{ add_ons: { sla: { every: 'week' } } }, /every/],
    [{ add_ons: { sla: { on: ['gold'] } } }, /on/],
    [{ currency: 'usd' }, /currency/],
    [{ currency: 'EUR' }, /all amounts/]
  ];
  const heard: string[] = [];
  const { error } = console;

  console.error = (text: string) => heard.push(text);
  try {
    for (const [said, why] of bad) {
      expect(() => withPrices(said), JSON.stringify(said)).toThrow(why);
      expect(pricesOf(said)).toBe(BUILT_IN);
    }
    expect(heard).toHaveLength(bad.length);
    expect(pricesOf(undefined)).toEqual(BUILT_IN);
    expect(pricesOf({ plans: { starter: { amount: 14_900, minutes: 200 } } }).plans.starter).toEqual({ amount: 14_900, minutes: 200 });
    expect(heard).toHaveLength(bad.length);
  } finally {
    console.error = error;
  }
});

test('money is written as its currency has it', () => {
  expect([money(19_900, 'USD'), money(19_950, 'USD'), money(-9_900, 'USD'), money(123_456_700, 'EUR'), money(500, 'JPY'), money(1500, 'KWD')]).toEqual([
    '$199',
    '$199.50',
    '−$99',
    '€1,234,567',
    '¥500',
    'KWD\u00a01.500'
  ]);
  expect([major(19_950, 'USD'), major(500, 'JPY'), major(1500, 'KWD')]).toEqual([199.5, 500, 1.5]);

  // as the database has it
  const sql = readFileSync(join(import.meta.dirname, '../../../sql/orders.sql'), 'utf8');
  for (const [, list, digits] of sql.matchAll(/lower\(currency\) = ANY \('\{([a-z,]+)\}'\)\s+THEN (\d)/g)) {
    for (const c of list!.split(',')) expect([c, exponent(c.toUpperCase())]).toEqual([c, Number(digits)]);
  }
  expect(exponent('ISK')).toBe(2);
});

test('what a month brings is reckoned with the same prices', () => {
  const month = { leads: 100, conversion: 5, deal: 1000, lift: 10, hours: 40, share: 25, wage: 25, minutes: 480 };

  expect(returns(BUILT_IN, month, 100)).toMatchObject({ now: 500_000, more: 50_000, fit: { plan: 'growth', packs: 0, amount: 59_900 } });
  expect(returns(BUILT_IN, { ...month, minutes: 1e9 }, 100)).toMatchObject({ fit: undefined, net: undefined });
});

test('what the pages sell is what the sample configuration sells', () => {
  const conf = (file: string) => readFileSync(join(import.meta.dirname, '../../nginx/http', file), 'utf8');
  const addOns = (text: string) =>
    [...text.matchAll(/^\s*add_on\s+(\w+)\s+@PRICE_(\w+)@(?:\s+max=(\d+))?;/gm)].map(([, id, price, max]) => {
      expect(price).toBe(id!.toUpperCase());
      return [id!, Number(max ?? 1)] as const;
    });
  const sold = [...conf('stripe.conf').matchAll(/^tavus_plan (\w+) \{\n([^}]*)\}/gm)].map(([, plan, inner]) => [
    plan,
    Object.fromEntries([...(inner!.includes('/add_ons;') ? addOns(conf('add_ons')) : []), ...addOns(inner!)])
  ]);

  expect(Object.fromEntries(sold)).toEqual(
    Object.fromEntries(
      IDS.map((plan) => [plan, Object.fromEntries(ADD_ONS.filter((a) => (a.on as readonly PlanId[]).includes(plan)).map((a) => [a.id, a.max]))])
    )
  );
});
