import { useEffect, useLayoutEffect, useRef, useState } from 'react';

import { Badge } from '@/components/ui/badge';
import { Button, ButtonLink } from '@/components/ui/button';
import { Card } from '@/components/ui/card';
import { Field, Input } from '@/components/ui/field';
import { cn } from '@/lib/cn';
import { config } from '@/lib/config';
import { isEmail } from '@/lib/contact';
import { clock, useCountdown } from '@/hooks/use-countdown';
import { order as orderOf, planName } from '@/lib/plan';
import { ADD_ONS, type AddOnId, count, fitting, major, money, PACK, type PlanId, PLANS } from '@/data/prices';
import { promises } from '@/data/features';
import { EMAIL } from '@/data/site';
import type { Problem } from '@/lib/tavus';
import { flush, track } from '@/lib/tracking';
import { visitor } from '@/lib/visitor';

import { type Trouble, TroubleView } from './Trouble';
import { useForm } from '@/hooks/use-form';
import { usePrices } from '@/hooks/use-prices';

const FREE = 'You have not been charged.';

function troubleOf({ status, retryAfter: wait }: Problem): Trouble {
  switch (status) {
    case 0:
      return { wait, title: 'No connection', text: `The checkout could not be reached. ${FREE} Check your connection and try again.` };
    case 400:
      return {
        wait,
        title: 'The order was not understood',
        text: `Perhaps this page is older than our price list. ${FREE} Load the page again, or write to us.`
      };
    case 404:
      return {
        wait,
        mild: true,
        title: 'Paying online is not open',
        text: 'This site takes no payments online at the moment. Write to us, and we set it up with you.'
      };
    case 429:
      return { wait, title: 'Too many tries at once', text: `The checkout was opened a few times from here just now. ${FREE}` };
    case 503:
      return { wait, mild: true, title: 'The checkout is closed for a moment', text: `It is on our side, not yours. ${FREE} Try again later, or write to us.` };
    default:
      return { wait, title: 'The checkout could not be opened', text: `Stripe did not answer as it should. ${FREE} Try again in a moment, or write to us.` };
  }
}

// Where a checkout may lie: the sandbox plays Stripe over plain http.
function isCheckout(text: unknown): text is string {
  const url = URL.parse(String(text));

  return url?.protocol === 'https:' || (url?.protocol === 'http:' && /^(127\.0\.0\.1|localhost|\[::1\])$/.test(url.hostname));
}

const per = (every: 'month' | 'once') => (every === 'once' ? 'once' : 'a month');

export function Pricing() {
  const { form, field, number, checked, again } = useForm();
  const [chosen, setChosen] = useState<PlanId>('starter');
  const [contact, setContact] = useState(EMAIL);
  const [busy, setBusy] = useState(false);
  // what is disabled in the HTML a browser does not fill in again
  const [awake, setAwake] = useState(false);
  const [wrong, setWrong] = useState<string>();
  const [trouble, setTrouble] = useState<Trouble>();
  const left = useCountdown(trouble?.wait ?? 0, trouble);
  // a second press comes before the first is drawn
  const under = useRef(false);
  const prices = usePrices((c) => setContact(c.contact_email));
  const { currency } = prices;
  const cost = (amount: number) => money(amount, currency);

  // perhaps another was chosen before the island was awake: before what was
  // pressed then is done
  useLayoutEffect(() => {
    const plan = form.current?.elements.namedItem('plan');
    if (plan instanceof RadioNodeList && plan.value) setChosen(plan.value as PlanId);
  }, [form]);

  useEffect(() => {
    setAwake(true);

    // back from Stripe, out of the page cache
    const back = () => {
      under.current = false;
      setBusy(false);
    };

    addEventListener('pageshow', back);
    return () => removeEventListener('pageshow', back);
  }, []);

  const need = () => Math.ceil(number('conversations', 30) * number('length', 4));
  const minutes = need();
  const best = fitting(prices, minutes);

  // These as it stands in the form: what is pressed may have been so before the
  // island was awake, with no render since.
  const wanted = () =>
    Object.fromEntries(ADD_ONS.map(({ id }) => [id, prices.add_ons[id].max > 1 ? number(`add_${id}`, 0) : Number(checked(`add_${id}`))])) as Record<
      AddOnId,
      number
    >;
  const order = orderOf(prices, chosen, wanted());

  const choose = () => {
    const now = fitting(prices, need());
    if (!now) return;
    setChosen(now.plan);
    const packs = field(`add_${PACK}`);
    // its minutes are those of the estimate
    if (packs) packs.value = String(now.packs);
    again();
  };

  const failed = (problem: Problem) => {
    under.current = false;
    setBusy(false);
    if (problem.status === 400 && problem.field === 'email') return refused();
    setTrouble(troubleOf(problem));
  };

  const refused = () => {
    setWrong('This does not look like an e-mail address.');
    field('email')?.focus();
  };

  const checkout = async () => {
    if (under.current || left > 0) return;

    const plan = (form.current!.elements.namedItem('plan') as RadioNodeList).value as PlanId;
    const { add_ons, first } = orderOf(prices, plan, wanted());
    const email = field('email')?.value.trim() ?? '';

    setTrouble(undefined);
    setWrong(undefined);
    if (email && !(isEmail(email) && email.length <= 254)) return refused();
    under.current = true;
    setBusy(true);

    try {
      const { post, problemOf, talkedIn } = await import('@/lib/tavus');
      const response = await post('/api/stripe/checkout', {
        plan,
        ...(Object.keys(add_ons).length && { add_ons }),
        ...(email && { email }),
        ...talkedIn(),
        ...visitor()
      });

      if (!response.ok) return failed(await problemOf(response));

      const { url } = (await response.json()) as { url: unknown };

      if (!isCheckout(url)) return failed({ code: 'upstream_error', status: 502, retryAfter: 0 });
      const { tracking } = await config();

      track('begin_checkout', { plan, value: major(first, currency), currency });
      // what is sent as a page goes away may be lost
      if (tracking) flush();
      location.assign(url);
    } catch {
      failed({ code: 'network', status: 0, retryAfter: 0 });
    }
  };

  const asked = new URLSearchParams({ plan: chosen, ...Object.fromEntries(Object.entries(order.add_ons).map(([k, n]) => [k, String(n)])) });

  return (
    <form
      ref={form}
      noValidate
      data-prices
      onSubmit={(e) => {
        e.preventDefault();
        void checkout();
      }}
      className="flex flex-col gap-20"
    >
      <section aria-labelledby="estimate" className="grid items-start gap-8 rounded-card bg-wash p-6 sm:p-10 lg:grid-cols-[1fr_1fr]">
        <div>
          <h2 id="estimate" className="text-2xl font-bold">
            How many minutes is that?
          </h2>
          <p className="mt-2 text-muted">Plans are counted in minutes of conversation. Two numbers are enough for an estimate.</p>
          <div className="mt-6 grid gap-5 sm:grid-cols-2">
            <Field id="conversations" label="Conversations a month">
              <Input id="conversations" name="conversations" type="number" inputMode="numeric" min={0} max={100000} step={1} defaultValue={30} />
            </Field>
            <Field id="length" label="Minutes each">
              <Input id="length" name="length" type="number" inputMode="decimal" min={0} max={60} step={0.5} defaultValue={4} />
            </Field>
          </div>
        </div>
        <div className="rounded-3xl bg-surface p-6 sm:p-8">
          <div role="status">
            <p className="text-muted">About</p>
            <p className="font-display text-4xl font-bold tabular-nums">{count(minutes)}</p>
            {best ? (
              <>
                <p className="text-muted">minutes a month. They cost least with</p>
                <p className="mt-3 min-h-[3lh] text-lg sm:min-h-[2lh]" data-best>
                  <b className="font-bold">{planName(best.plan)}</b>
                  {best.packs > 0 && <> and {best.packs} × 1,000 more minutes</>}, <b className="font-bold">{cost(best.amount)}</b>{' '}
                  {best.packs > 0 ? 'in such a month' : 'a month'}
                </p>
              </>
            ) : (
              <>
                <p className="text-muted">minutes a month. That is more than the plans below hold.</p>
                <p className="mt-3 min-h-[3lh] text-lg sm:min-h-[2lh]" data-best>
                  <a className="link" href="/contact">
                    Write to us
                  </a>
                  , and we find a way.
                </p>
              </>
            )}
          </div>
          <Button variant="outline" size="sm" className="needs-js mt-5" disabled={!best} onClick={choose}>
            Choose it
          </Button>
        </div>
      </section>

      <fieldset>
        <legend className="font-display text-3xl font-bold">Plans</legend>
        <div className="mt-8 grid gap-5 sm:grid-cols-2 xl:grid-cols-4">
          {PLANS.map((p) => {
            const now = prices.plans[p.id];
            const fits = p.id === best?.plan;

            return (
              <label
                key={p.id}
                className={cn(
                  'relative flex flex-col gap-4 rounded-card border-2 bg-surface p-6 transition-colors',
                  chosen === p.id ? 'border-primary shadow-soft' : 'border-line hover:border-line-strong'
                )}
              >
                <span className="flex min-h-8 items-center justify-between gap-2">
                  <span className="flex items-center gap-3 font-display text-xl font-bold">
                    <input type="radio" name="plan" value={p.id} checked={chosen === p.id} onChange={() => setChosen(p.id)} className="size-5 accent-primary" />
                    {p.name}
                  </span>
                  {fits && <Badge tone="good">Fits</Badge>}
                </span>
                <span>
                  <span className="font-display text-3xl font-bold tabular-nums">{cost(now.amount)}</span> <span className="text-muted">a month</span>
                </span>
                <span className="font-semibold">{count(now.minutes)} minutes</span>
                <span className="text-muted xl:min-h-20">{p.text}</span>
                <span className="flex flex-col gap-1.5 border-t border-line pt-4">
                  {p.points.map((t) => (
                    <span key={t.text} className="flex gap-2.5" {...promises(t.of)}>
                      <span aria-hidden="true" className="text-primary">
                        ✓
                      </span>
                      {t.text}
                    </span>
                  ))}
                </span>
              </label>
            );
          })}
        </div>
      </fieldset>

      <div className="grid items-start gap-8 lg:grid-cols-[1.500fr_1fr]">
        <fieldset>
          <legend className="font-display text-3xl font-bold">Add-ons</legend>
          <div className="mt-8 grid gap-3 sm:grid-cols-2">
            {ADD_ONS.map((a) => {
              const now = prices.add_ons[a.id];
              const off = !now.on.includes(chosen);
              const some = order.add_ons[a.id] ?? 0;
              const name = `add_${a.id}`;

              return (
                <label
                  key={a.id}
                  data-add-on={a.id}
                  className={cn(
                    'flex items-start gap-3 rounded-2xl border p-4',
                    now.max > 1 && 'sm:col-span-2',
                    off ? 'cursor-not-allowed border-line bg-wash' : some ? 'border-primary bg-good-wash' : 'border-line bg-surface hover:border-line-strong'
                  )}
                >
                  {now.max === 1 && <input type="checkbox" name={name} disabled={awake && off} className="mt-1 size-5 shrink-0 accent-primary" />}
                  <span className="flex-1">
                    <span className="flex flex-wrap justify-between gap-x-3 font-semibold">
                      <span>{a.name}</span>
                      <span className="tabular-nums">
                        {cost(now.amount)} <span className="font-normal text-muted">{per(now.every)}</span>
                      </span>
                    </span>
                    <span className="block text-sm text-muted" {...promises(a.of)}>
                      {a.text}
                      {now.on.length < PLANS.length && (now.on.length ? ` Only with ${now.on.map(planName).join(' or ')}.` : ' Not at the moment.')}
                    </span>
                  </span>
                  {now.max > 1 && (
                    <span className="w-20 shrink-0">
                      <Input
                        type="number"
                        inputMode="numeric"
                        name={name}
                        aria-label={`${a.name}: how many`}
                        min={0}
                        max={now.max}
                        step={1}
                        defaultValue={0}
                        disabled={awake && off}
                        className="px-3 disabled:opacity-55"
                      />
                    </span>
                  )}
                </label>
              );
            })}
          </div>
        </fieldset>

        <Card className="lg:sticky lg:top-28">
          <h2 className="text-2xl font-bold">Your order</h2>
          <dl className="mt-5 flex flex-col gap-2.5" data-order>
            {order.lines.map((l) => (
              <div key={l.id} className="flex justify-between gap-4">
                <dt>
                  {l.quantity > 1 && `${l.quantity} × `}
                  {l.name}
                  {l.id === chosen && `, ${count(prices.plans[chosen].minutes)} minutes`}
                  {l.every === 'once' && ', once'}
                </dt>
                <dd className="tabular-nums">{cost(l.amount)}</dd>
              </div>
            ))}
            <div className="mt-2 flex justify-between gap-4 border-t border-line pt-4 text-lg font-bold">
              <dt>{order.first === order.monthly ? 'A month' : 'The first month'}</dt>
              <dd className="tabular-nums" data-total>
                {cost(order.first)}
              </dd>
            </div>
            {order.first !== order.monthly && (
              <div className="flex justify-between gap-4 text-muted">
                <dt>Each month after it</dt>
                <dd className="tabular-nums" data-monthly>
                  {cost(order.monthly)}
                </dd>
              </div>
            )}
          </dl>
          <div className="by-checkout mt-6 flex-col gap-4">
            <Field id="email" label="E-mail (optional)" hint="Then Stripe’s page has it already." error={wrong}>
              <Input
                id="email"
                name="email"
                type="email"
                autoComplete="email"
                aria-invalid={wrong ? true : undefined}
                aria-describedby={wrong ? 'email-error' : 'email-hint'}
              />
            </Field>
            <Button type="submit" size="lg" variant="accent" className="tabular-nums" aria-busy={busy} disabled={busy || left > 0}>
              {busy ? 'Opening the checkout…' : left > 0 ? `Again in ${clock(left)}` : 'Go to checkout'}
            </Button>
            <p className="text-sm text-muted">Paid through Stripe, on Stripe’s own page. Prices without tax.</p>
          </div>
          <div className="by-message mt-6 flex-col gap-4">
            <ButtonLink size="lg" variant="accent" href={`/contact?${asked}`}>
              Ask for this plan
            </ButtonLink>
            <p className="text-sm text-muted">This site takes no payments online. Write to us, and we set it up with you. Prices without tax.</p>
          </div>
          {trouble && (
            <div className="mt-4">
              <TroubleView trouble={trouble} email={contact} mail={`subject=Plan:%20${planName(chosen)}`} />
            </div>
          )}
        </Card>
      </div>
    </form>
  );
}
