import { Card } from '@/components/ui/card';
import { Field, Input } from '@/components/ui/field';
import { type Month, planName, returns } from '@/lib/plan';
import { count, exponent, money, symbol } from '@/data/prices';

import { useForm } from '@/hooks/use-form';
import { usePrices } from '@/hooks/use-prices';

const fields: { name: keyof Month; label: string; value: number; step: number; max?: number; money?: true }[] = [
  { name: 'leads', label: 'Leads a month', value: 100, step: 1 },
  { name: 'conversion', label: 'Of these become customers, %', value: 5, step: 0.5, max: 100 },
  { name: 'deal', label: 'What a customer is worth', value: 1000, step: 1, money: true },
  { name: 'lift', label: 'More leads you expect, %', value: 10, step: 1, max: 500 },
  { name: 'hours', label: 'Hours a week spent answering', value: 40, step: 1, max: 10000 },
  { name: 'share', label: 'Of these the agent would take, %', value: 25, step: 1, max: 100 },
  { name: 'wage', label: 'What an hour costs you', value: 25, step: 1, money: true },
  { name: 'minutes', label: 'Minutes of conversation a month', value: 480, step: 10 }
];

export function Roi() {
  const { form, number } = useForm<HTMLDivElement>();
  const prices = usePrices();
  const { currency } = prices;
  const minor = 10 ** exponent(currency);
  const v = Object.fromEntries(fields.map((f) => [f.name, number(f.name, f.value)])) as unknown as Month;
  const { now, more, saved, fit, net } = returns(prices, v, minor);
  const most = Math.max(more, saved, fit?.amount ?? 0, 1);
  // estimates are no cents' business
  const about = (amount: number) => money(Math.round(amount / minor) * minor, currency);
  const bars = [
    { label: 'More revenue', value: more, tone: 'fill-primary' },
    { label: 'Hours freed', value: saved, tone: 'fill-good' },
    ...(fit ? [{ label: `${planName(fit.plan)}${fit.packs ? ` + ${fit.packs} × 1,000 min` : ''}`, value: -fit.amount, tone: 'fill-accent' }] : [])
  ];

  return (
    <div ref={form} data-prices className="grid items-start gap-8 lg:grid-cols-[1.200fr_1fr]">
      <div className="grid gap-5 sm:grid-cols-2">
        {fields.map((f) => (
          <Field key={f.name} id={f.name} label={f.money ? `${f.label}, ${symbol(currency)}` : f.label}>
            <Input id={f.name} name={f.name} type="number" inputMode="decimal" min={0} max={f.max ?? 1e9} step={f.step} defaultValue={f.value} />
          </Field>
        ))}
        <p className="text-sm text-muted sm:col-span-2">
          All of these are your numbers. The ones filled in are only there so that there is something to change; they are not what other customers saw.
        </p>
      </div>
      <Card className="lg:sticky lg:top-28">
        <div role="status">
          {net === undefined ? (
            <>
              <p className="text-muted">More minutes than our plans hold</p>
              <p className="font-display text-2xl font-bold" data-net>
                Let us talk about it
              </p>
            </>
          ) : (
            <>
              <p className="text-muted">{net >= 0 ? 'A month, in your favour' : 'A month, not in your favour'}</p>
              <p className="font-display text-4xl font-bold break-words tabular-nums" data-net>
                {about(net)}
              </p>
            </>
          )}
        </div>
        <ul className="mt-6 flex flex-col gap-4">
          {bars.map((b) => (
            <li key={b.label}>
              <span className="flex flex-wrap justify-between gap-x-4">
                <span>{b.label}</span>
                <span className="font-semibold tabular-nums">
                  {b.value < 0 ? '' : '+'}
                  {about(b.value)}
                </span>
              </span>
              <svg className="mt-1.5 h-3 w-full" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
                <rect className="fill-wash" width="100" height="4" rx="2" />
                <rect className={b.tone} width={Math.max(1, (Math.abs(b.value) / most) * 100)} height="4" rx="2" />
              </svg>
            </li>
          ))}
        </ul>
        <p className="mt-6 border-t border-line pt-4 text-sm text-muted">
          Revenue now: {about(now)} a month.{' '}
          {fit ? (
            <>
              The plan is the cheapest that holds {count(v.minutes)} minutes, as on the{' '}
              <a className="link" href="/pricing">
                price list
              </a>
              .
            </>
          ) : (
            <>
              For {count(v.minutes)} minutes a month no plan is large enough:{' '}
              <a className="link" href="/contact">
                write to us
              </a>
              .
            </>
          )}{' '}
          Hours are counted with 4⅓ weeks a month.
        </p>
      </Card>
    </div>
  );
}
