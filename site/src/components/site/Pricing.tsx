import { useEffect, useState } from 'react';

import { Alert } from '@/components/ui/alert';
import { Badge } from '@/components/ui/badge';
import { Button, ButtonLink } from '@/components/ui/button';
import { Card } from '@/components/ui/card';
import { Field, Input } from '@/components/ui/field';
import { cn } from '@/lib/cn';
import { config } from '@/lib/config';
import { ADD_ONS, fitting, EMAIL, PLANS, type Price, usd } from '@/lib/site';
import { track } from '@/lib/tracking';

import { useForm } from './use-form';

const LISTED = Object.fromEntries(PLANS.map((p) => [p.id, { price: p.price, minutes: p.minutes }])) as
  Record<string, Price>;

type Result = { kind: 'none' | 'busy' } | { kind: 'absent' | 'failed' | 'refused'; text: string };

export function Pricing() {
  const { form, number, checked } = useForm();
  const [prices, setPrices] = useState(LISTED);
  const [chosen, setChosen] = useState<string>('starter');
  const [email, setEmail] = useState(EMAIL);
  const [result, setResult] = useState<Result>({ kind: 'none' });

  useEffect(() => {
    // perhaps another was chosen before the island was awake
    const plan = form.current?.elements.namedItem('plan');
    if (plan instanceof RadioNodeList && plan.value) setChosen(plan.value);

    void config().then((c) => {
      setEmail(c.contact_email);
      setPrices(Object.fromEntries(Object.entries(LISTED)
        .map(([id, p]) => [id, { ...p, ...c.plans[id] }])));
    });
  }, [form]);

  const conversations = number('conversations', 30);
  const length = number('length', 4);
  const minutes = Math.ceil(conversations * length);
  const best = fitting(minutes, prices);
  const plan = PLANS.find((p) => p.id === chosen)!;
  const price = prices[chosen]!;
  const extras = ADD_ONS.filter((a) => checked(`add_${a.id}`));
  const total = price.price + extras.reduce((sum, a) => sum + a.price, 0);

  const checkout = async () => {
    const { post, problemOf } = await import('@/lib/tavus');
    // as it stands in the form: this may be what was pressed before the island
    // was awake, with no render since
    const order = (form.current?.elements.namedItem('plan') as RadioNodeList).value;
    const added = ADD_ONS.filter((a) => checked(`add_${a.id}`));
    const address = (form.current?.elements.namedItem('email') as HTMLInputElement).value.trim();

    track('begin_checkout', { plan: order, add_ons: added.map((a) => a.id) });
    setResult({ kind: 'busy' });
    try {
      const response = await post('/api/stripe/checkout', {
        plan: order,
        ...(added.length && { add_ons: added.map((a) => a.id) }),
        ...(address && { email: address })
      });

      if (response.ok) {
        const { url } = await response.json() as { url: string };
        if (new URL(url).protocol !== 'https:') throw new Error('not https');
        location.assign(url);
        return;
      }
      const problem = await problemOf(response);
      setResult(problem.status === 404 || problem.status === 503
        ? { kind: 'absent', text: 'Paying online is not open on this site at the moment. Write to us and we will set it up with you.' }
        : problem.status === 400
          ? { kind: 'refused', text: 'The order was not understood. Check the e-mail address, or write to us.' }
          : { kind: 'failed', text: 'The checkout could not be opened. You have not been charged. Try again in a moment, or write to us.' });
    } catch {
      setResult({ kind: 'failed', text: 'The checkout could not be reached. You have not been charged. Try again in a moment, or write to us.' });
    }
  };

  return (
    <form ref={form} onSubmit={(e) => { e.preventDefault(); void checkout(); }} className="flex flex-col gap-20">
      <section aria-labelledby="estimate" className="grid items-start gap-8 rounded-card bg-wash p-6 sm:p-10 lg:grid-cols-[1fr_1fr]">
        <div>
          <h2 id="estimate" className="text-2xl font-bold">How many minutes is that?</h2>
          <p className="mt-2 text-muted">Plans are counted in minutes of conversation. Two numbers are enough for an estimate.</p>
          <div className="mt-6 grid gap-5 sm:grid-cols-2">
            <Field id="conversations" label="Conversations a month"><Input id="conversations" name="conversations" type="number" inputMode="numeric" min={0} max={100000} step={1} defaultValue={30} /></Field>
            <Field id="length" label="Minutes each"><Input id="length" name="length" type="number" inputMode="decimal" min={0} max={60} step={0.5} defaultValue={4} /></Field>
          </div>
        </div>
        <div className="rounded-3xl bg-surface p-6 sm:p-8">
          <div role="status">
            <p className="text-muted">About</p>
            <p className="font-display text-4xl font-bold tabular-nums">{minutes.toLocaleString('en-US')}</p>
            <p className="text-muted">minutes a month. The smallest plan that holds them:</p>
            <p className="mt-3 text-lg">
              <b className="font-bold">{PLANS.find((p) => p.id === best.id)?.name}</b>
              {best.packs > 0 && <> and {best.packs} × 1,000 more minutes</>}, <b className="font-bold">{usd(best.total)}</b> a month
            </p>
          </div>
          <Button variant="outline" size="sm" className="needs-js mt-5" onClick={() => setChosen(best.id)}>Choose it</Button>
        </div>
      </section>

      <fieldset>
        <legend className="font-display text-3xl font-bold">Plans</legend>
        <div className="mt-8 grid gap-5 sm:grid-cols-2 xl:grid-cols-4">
          {PLANS.map((p) => {
            const now = prices[p.id]!;
            const fits = p.id === best.id;

            return (
              <label key={p.id} className={cn('relative flex flex-col gap-4 rounded-card border-2 bg-surface p-6 transition-colors',
                chosen === p.id ? 'border-primary shadow-soft' : 'border-line hover:border-line-strong')}>
                <span className="flex min-h-8 items-center justify-between gap-2">
                  <span className="flex items-center gap-3 font-display text-xl font-bold">
                    <input type="radio" name="plan" value={p.id} checked={chosen === p.id} onChange={() => setChosen(p.id)} className="size-5 accent-primary" />
                    {p.name}
                  </span>
                  {fits && <Badge tone="good">Fits</Badge>}
                </span>
                <span><span className="font-display text-3xl font-bold tabular-nums">{usd(now.price)}</span> <span className="text-muted">a month</span></span>
                <span className="font-semibold">{now.minutes.toLocaleString('en-US')} minutes</span>
                <span className="text-muted xl:min-h-20">{p.text}</span>
                <span className="flex flex-col gap-1.5 border-t border-line pt-4">
                  {p.points.map((t) => <span key={t} className="flex gap-2.5"><span aria-hidden="true" className="text-primary">✓</span>{t}</span>)}
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
            {ADD_ONS.map((a) => (
              <label key={a.id} className="flex items-start gap-3 rounded-2xl border border-line bg-surface p-4 hover:border-line-strong has-checked:border-primary has-checked:bg-good-wash">
                <input type="checkbox" name={`add_${a.id}`} className="mt-1 size-5 shrink-0 accent-primary" />
                <span className="flex-1"><span className="flex justify-between gap-3 font-semibold"><span>{a.name}</span><span className="tabular-nums">{usd(a.price)}</span></span>
                  <span className="text-sm text-muted">{a.text}</span></span>
              </label>
            ))}
          </div>
        </fieldset>

        <Card className="lg:sticky lg:top-28">
          <h2 className="text-2xl font-bold">Your order</h2>
          <dl className="mt-5 flex flex-col gap-2.5" data-order>
            <div className="flex justify-between gap-4"><dt>{plan.name}, {price.minutes.toLocaleString('en-US')} minutes</dt><dd className="tabular-nums">{usd(price.price)}</dd></div>
            {extras.map((a) => <div key={a.id} className="flex justify-between gap-4"><dt>{a.name}</dt><dd className="tabular-nums">{usd(a.price)}</dd></div>)}
            <div className="mt-2 flex justify-between gap-4 border-t border-line pt-4 text-lg font-bold"><dt>A month</dt><dd className="tabular-nums" data-total>{usd(total)}</dd></div>
          </dl>
          <div className="mt-6 flex flex-col gap-4">
            <Field id="email" label="E-mail (optional)" hint="For the receipt."><Input id="email" name="email" type="email" autoComplete="email" aria-describedby="email-hint" /></Field>
            <Button type="submit" size="lg" variant="accent" className="needs-js" aria-busy={result.kind === 'busy'} disabled={result.kind === 'busy'}>
              {result.kind === 'busy' ? 'Opening the checkout…' : 'Go to checkout'}
            </Button>
            <p className="no-js">Ordering online needs JavaScript. <a className="link" href="/contact">Write to us</a> instead.</p>
            <p className="text-sm text-muted">Paid through Stripe, on Stripe’s own page. Prices without tax.</p>
          </div>
          {'text' in result && (
            <Alert live tone={result.kind === 'absent' ? 'warm' : 'bad'} className="mt-4" title={result.kind === 'absent' ? 'Not open yet' : 'That did not work'}>
              <p>{result.text}</p>
              <ButtonLink size="sm" variant="outline" className="mt-3" href={`mailto:${email}?subject=Plan:%20${plan.name}`}>Write to {email}</ButtonLink>
            </Alert>
          )}
        </Card>
      </div>
    </form>
  );
}
