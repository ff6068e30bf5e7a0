import { Card } from '@/components/ui/card';
import { Field, Input } from '@/components/ui/field';
import { fitting, PLANS, usd } from '@/lib/site';

import { useForm } from './use-form';

const prices = Object.fromEntries(PLANS.map((p) => [p.id, { price: p.price, minutes: p.minutes }]));
const WEEKS = 52 / 12;

const fields = [
  { name: 'leads', label: 'Leads a month', value: 100, step: 1 },
  { name: 'conversion', label: 'Of these become customers, %', value: 5, step: 0.5, max: 100 },
  { name: 'deal', label: 'What a customer is worth, $', value: 1000, step: 1 },
  { name: 'lift', label: 'More leads you expect, %', value: 10, step: 1, max: 500 },
  { name: 'hours', label: 'Hours a week spent answering', value: 40, step: 1, max: 10000 },
  { name: 'share', label: 'Of these the agent would take, %', value: 25, step: 1, max: 100 },
  { name: 'wage', label: 'What an hour costs you, $', value: 25, step: 1 },
  { name: 'minutes', label: 'Minutes of conversation a month', value: 480, step: 10 }
] as const;

export function Roi() {
  const { form, number } = useForm<HTMLDivElement>();
  const v = Object.fromEntries(fields.map((f) => [f.name, number(f.name, f.value)])) as
    Record<(typeof fields)[number]['name'], number>;

  const now = v.leads * (v.conversion / 100) * v.deal;
  const more = now * (v.lift / 100);
  const saved = v.hours * WEEKS * (v.share / 100) * v.wage;
  const best = fitting(v.minutes, prices);
  const net = more + saved - best.total;
  const most = Math.max(more, saved, best.total, 1);
  const bars = [
    { label: 'More revenue', value: more, tone: 'fill-primary' },
    { label: 'Hours freed', value: saved, tone: 'fill-good' },
    { label: `${PLANS.find((p) => p.id === best.id)?.name}${best.packs ? ` + ${best.packs} × 1,000 min` : ''}`, value: -best.total, tone: 'fill-accent' }
  ];

  return (
    <div ref={form} className="grid items-start gap-8 lg:grid-cols-[1.200fr_1fr]">
      <div className="grid gap-5 sm:grid-cols-2">
        {fields.map((f) => (
          <Field key={f.name} id={f.name} label={f.label}>
            <Input id={f.name} name={f.name} type="number" inputMode="decimal" min={0} max={'max' in f ? f.max : 1e9} step={f.step} defaultValue={f.value} />
          </Field>
        ))}
        <p className="text-sm text-muted sm:col-span-2">All of these are your numbers. The ones filled in are only there so that there is something to change; they are not what other customers saw.</p>
      </div>
      <Card className="lg:sticky lg:top-28">
        <div role="status">
          <p className="text-muted">{net >= 0 ? 'A month, in your favour' : 'A month, not in your favour'}</p>
          <p className="font-display text-4xl font-bold tabular-nums" data-net>{net < 0 ? '−' : ''}{usd(Math.abs(net))}</p>
        </div>
        <ul className="mt-6 flex flex-col gap-4">
          {bars.map((b) => (
            <li key={b.label}>
              <span className="flex justify-between gap-4"><span>{b.label}</span><span className="font-semibold tabular-nums">{b.value < 0 ? '−' : '+'}{usd(Math.abs(b.value))}</span></span>
              <svg className="mt-1.5 h-3 w-full" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
                <rect className="fill-wash" width="100" height="4" rx="2" />
                <rect className={b.tone} width={Math.max(1, (Math.abs(b.value) / most) * 100)} height="4" rx="2" />
              </svg>
            </li>
          ))}
        </ul>
        <p className="mt-6 border-t border-line pt-4 text-sm text-muted">
          Revenue now: {usd(now)} a month. The plan is the smallest that holds {v.minutes.toLocaleString('en-US')} minutes. Hours are counted with 4⅓ weeks a month.
        </p>
      </Card>
    </div>
  );
}
