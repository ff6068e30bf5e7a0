import { useQuery } from '@tanstack/react-query';
import { lazy, type ReactNode, Suspense, useMemo, useState } from 'react';

import { Card } from '@/components/ui/card';
import { Select } from '@/components/ui/field';
import { failure } from '@/hooks/use-list';
import { useUrl } from '@/hooks/use-url';
import { useZone } from '@/hooks/use-zone';
import { api, type Budget, must, type StatsBucket } from '@/lib/admin';

import { Failed, Go, Skeleton, Sums, Tag, Time, to } from './parts';

const Chart = lazy(() => import('./Chart'));

// Days before today, and what a bar is: days are the owner's, so hours are asked for.
const SPANS = { today: [0, 'hour'], week: [6, 'day'], month: [29, 'day'] } as const;
const WORDS = { today: 'Today', week: 'Seven days', month: 'Thirty days' } as const;

type Counts = Omit<StatsBucket, 'at'>;
type Span = { from: string; to?: string };

// What is counted, and the rows that it is of.
const METRICS = {
  conversations: ['Conversations', (b: Counts) => b.conversations, (s: Span) => to('conversations', { ...s })],
  minutes: ['Minutes', (b: Counts) => b.minutes, (s: Span) => to('conversations', { status: 'ended', ...s })],
  visits: ['Visits', (b: Counts) => b.visits, (s: Span) => to('events', { source: 'browser', event_type: 'page_view', ...s })],
  leads: ['Leads', (b: Counts) => b.leads, (s: Span) => to('inbox', { handled: 'all', ...s })],
  orders: ['Paid orders', (b: Counts) => b.orders, (s: Span) => to('payments', { state: 'paid', ...s })],
  failures: ['Failures', (b: Counts) => b.failures, (s: Span) => to('events', { type: 'error', ...s })]
} as const;

const number = (n: number): string => n.toLocaleString('en-GB', { maximumFractionDigits: 1 });

// A number, which leads to the rows that it counts.
function Figure({ name, href, children }: { name: string; href: string; children: ReactNode }) {
  return (
    <Go to={href} className="flex flex-col gap-1 rounded-card border border-line bg-surface p-5 hover:border-line-strong">
      <span className="text-sm text-muted">{name}</span>
      <span className="font-display text-2xl font-bold break-words tabular-nums" data-figure={name}>
        {children}
      </span>
    </Go>
  );
}

const used = ({ used: n, limit }: { used: number; limit: number | null }): string => (limit === null ? number(n) : `${number(n)} of ${number(limit)}`);

function Now({ budget }: { budget: Budget }) {
  return (
    <Card>
      <h2 className="font-display text-xl font-bold">Now</h2>
      <dl className="mt-4 grid grid-cols-2 gap-4 lg:grid-cols-4">
        {(
          [
            [
              'Calls that go on',
              <Go key="a" to={to('conversations', { status: 'active' })}>
                {used(budget.active)}
              </Go>
            ],
            [
              'In the line',
              <Go key="w" to={to('system')}>
                {used(budget.waiting)}
              </Go>
            ],
            [
              'Conversations of the day',
              <Go key="d" to={to('conversations', { from: day(budget.until) })}>
                {used(budget.day)}
              </Go>
            ],
            [
              'Minutes of the month',
              <Go key="m" to={to('conversations', { from: month(budget.until) })}>
                {used(budget.minutes)}
              </Go>
            ]
          ] as const
        ).map(([name, value]) => (
          <div key={name}>
            <dt className="text-sm text-muted">{name}</dt>
            <dd className="text-lg tabular-nums">{value}</dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}

// The first of the month and of the day that the budget counts, which are UTC's.
const month = (until: string): string => {
  const last = new Date(Date.parse(until) - 1);
  return new Date(Date.UTC(last.getUTCFullYear(), last.getUTCMonth())).toISOString();
};
const day = (until: string): string => new Date(Date.parse(until) - 86_400_000).toISOString();

// Where one sees what an alert is of, and does something about it.
const SEEN_AT: Record<string, (subject: string) => string> = {
  key_invalid: () => to('events', { event_type: 'conversation.create_failed' }),
  out_of_credits: () => to('events', { event_type: 'conversation.create_failed' }),
  plan_cap: () => to('conversations', { status: 'active' }),
  destination_paused: (subject) => to('deliveries', { destination: subject }),
  destination_dead: (subject) => to('deliveries', { destination: subject, state: 'dead' }),
  order_unknown: () => to('payments', { state: 'unknown' }),
  stripe_repair: () => to('payments')
};

const FUNNEL = ['visits', 'started', 'joined', 'ended', 'lead', 'paid'] as const;
const STEPS = {
  visits: ['Visits', METRICS.visits[2]],
  started: ['Asked for a call', METRICS.conversations[2]],
  joined: ['Were joined', METRICS.conversations[2]],
  ended: ['Came to an end', METRICS.minutes[2]],
  lead: ['Wrote', METRICS.leads[2]],
  paid: ['Paid', METRICS.orders[2]]
} as const;

export function Overview() {
  const [url, set] = useUrl();
  const zone = useZone();
  const span = (url.get('span') ?? 'today') as keyof typeof SPANS;
  const [days, bar] = SPANS[span] ?? SPANS.today;
  const from = zone.day(days);
  const [metric, setMetric] = useState<keyof typeof METRICS>('conversations');
  const stats = useQuery({
    queryKey: ['stats', from],
    queryFn: ({ signal }) => must(api.GET('/api/admin/stats', { params: { query: { from, bucket: 'hour' } }, signal })),
    // soon again while some are still to be counted
    refetchInterval: (query) => (query.state.data?.counted.behind_events ? 2_000 : 30_000),
    placeholderData: (before) => before
  });
  const alerts = useQuery({
    queryKey: ['alerts', 'open'],
    queryFn: ({ signal }) => must(api.GET('/api/admin/alerts', { params: { query: { state: 'open' } }, signal })),
    refetchInterval: 30_000
  });
  const budget = useQuery({
    queryKey: ['budget'],
    queryFn: ({ signal }) => must(api.GET('/api/admin/budget', { signal })),
    refetchInterval: 15_000
  });
  const { data } = stats;
  const [name, value, rows] = METRICS[metric];
  const bars = useMemo(() => {
    const sums = new Map<string, number>();

    for (const b of data?.buckets ?? []) {
      const at = bar === 'day' ? zone.dayOf(b.at) : b.at;
      sums.set(at, (sums.get(at) ?? 0) + value(b));
    }
    return { at: [...sums.keys()], values: [...sums.values()] };
  }, [data, value, bar, zone]);
  const tick = useMemo(
    () => (iso: string) => zone.show(iso, bar === 'hour' ? { hour: '2-digit', minute: '2-digit' } : { day: 'numeric', month: 'short' }),
    [zone, bar]
  );
  const href = useMemo(
    () => (i: number) => rows({ from: bars.at[i]!, ...((bars.at[i + 1] ?? data?.to) && { to: bars.at[i + 1] ?? data!.to }) }),
    [rows, bars, data?.to]
  );

  return (
    <div className="flex flex-col gap-6">
      {(alerts.data?.alerts.length ?? 0) > 0 && (
        <section aria-labelledby="needs" className="flex flex-col gap-3">
          <h2 id="needs" className="font-display text-xl font-bold">
            What needs a hand
          </h2>
          <ul className="flex flex-col gap-2" data-alerts>
            {alerts.data!.alerts.map((a) => (
              <li key={a.id} className="rounded-2xl bg-accent-wash px-5 py-3">
                <p className="font-semibold">
                  {a.text} <Go to={SEEN_AT[a.alert]?.(a.subject) ?? to('system')}>{SEEN_AT[a.alert] ? 'See them' : 'See the system'}</Go>
                </p>
                <p className="text-sm text-muted">
                  Since <Time iso={a.raised_at} />. {a.alert.replaceAll('_', ' ')}; the runbook says what to do:{' '}
                  <code className="break-all">docs/operate/{a.runbook}</code>
                </p>
              </li>
            ))}
          </ul>
        </section>
      )}

      <div className="flex flex-wrap items-center gap-3">
        <div role="group" aria-label="Time" className="flex flex-wrap gap-2">
          {(Object.keys(SPANS) as (keyof typeof SPANS)[]).map((s) => (
            <button
              key={s}
              type="button"
              aria-pressed={s === span}
              className="min-h-9 rounded-full border border-line-strong px-4 text-sm font-semibold hover:bg-wash aria-pressed:border-primary aria-pressed:bg-primary aria-pressed:text-on-primary"
              onClick={() => set({ span: s === 'today' ? null : s })}
            >
              {WORDS[s]}
            </button>
          ))}
        </div>
        {data && (
          <p className="text-sm text-muted">
            From <Time iso={data.from} /> on, counted to <Time iso={data.counted.to} style={{ timeStyle: 'medium' }} />
            {data.counted.behind_events > 0 && `; ${number(data.counted.behind_events)} events are still to be counted`}
          </p>
        )}
      </div>

      <Failed error={failure(stats.error)} />
      {!data && stats.isFetching && <Skeleton lines={4} />}
      {data && (
        <>
          <div className="grid grid-cols-2 gap-4 lg:grid-cols-3 xl:grid-cols-6" data-figures>
            {(['conversations', 'minutes', 'leads', 'orders', 'failures'] as const).map((m) => (
              <Figure key={m} name={METRICS[m][0]} href={METRICS[m][2]({ from: data.from })}>
                {number(METRICS[m][1](data.total))}
              </Figure>
            ))}
            <Figure name="Revenue" href={METRICS.orders[2]({ from: data.from })}>
              <Sums of={data.total.revenue} />
            </Figure>
          </div>

          <Card>
            <div className="mb-4 flex flex-wrap items-center justify-between gap-3">
              <h2 className="font-display text-xl font-bold">{name}</h2>
              <Select aria-label="What the chart shows" className="h-11 max-w-56" value={metric} onChange={(e) => setMetric(e.target.value as typeof metric)}>
                {Object.entries(METRICS).map(([key, [label]]) => (
                  <option key={key} value={key}>
                    {label}
                  </option>
                ))}
              </Select>
            </div>
            <Suspense fallback={<div className="h-[246px]" />}>
              <Chart {...bars} label={name} show={number} tick={tick} href={href} />
            </Suspense>
          </Card>

          <Card>
            <h2 className="font-display text-xl font-bold">How far they came</h2>
            <ol className="mt-4 flex flex-col gap-2">
              {FUNNEL.map((step) => (
                <li key={step} className="grid grid-cols-[9rem_1fr_4rem] items-center gap-3 text-sm">
                  <span>{STEPS[step][0]}</span>
                  <span className="h-3 overflow-hidden rounded-full bg-wash">
                    <span
                      className="block h-full rounded-full bg-primary"
                      style={{ width: `${(100 * data.total.funnel[step]) / Math.max(1, ...FUNNEL.map((s) => data.total.funnel[s]))}%` }}
                    />
                  </span>
                  <Go className="link text-right tabular-nums" to={STEPS[step][1]({ from: data.from })}>
                    {number(data.total.funnel[step])}
                  </Go>
                </li>
              ))}
            </ol>
          </Card>
        </>
      )}
      {budget.data && <Now budget={budget.data} />}
      {budget.error && <Failed error={failure(budget.error)} />}
      {alerts.data?.alerts.length === 0 && (
        <p className="text-muted">
          <Tag of="all is well" tone="good" /> Nothing needs a hand.
        </p>
      )}
    </div>
  );
}
