// What became of an order, as this server has heard from Stripe.  Its number
// is out of the address already: public/take-id.js.

import { planName } from '@/lib/plan';
import { type PlanId, PLANS } from '@/data/prices';
import { track } from '@/lib/tracking';

type State = 'none' | 'asking' | 'paid' | 'open' | 'unpaid' | 'lost';

const WAITS = [1, 2, 3, 5, 8, 13, 21, 30]; // seconds between asking; then it is enough
const MAIL = 'you will hear from us by e-mail';

const SAYS: Record<Exclude<State, 'none'>, { title: string; lead: string; again?: true; order?: true }> = {
  asking: { title: 'Looking for your order…', lead: 'Stripe tells this site when a payment has gone through. As a rule that takes a few seconds.' },
  paid: { title: 'Paid. We take it from here.', lead: `Your payment has gone through, and ${MAIL} about the next step.` },
  open: {
    title: 'No payment is known yet.',
    lead: `Stripe has not told us of one. If you have paid, it will, and you need not wait here: ${MAIL}.`,
    again: true
  },
  unpaid: {
    title: 'The payment has not arrived.',
    lead: `Some ways of paying take days: when the money is there, Stripe tells us, and ${MAIL}. If yours was refused, you have not been charged, and can order anew.`,
    again: true,
    order: true
  },
  lost: {
    title: 'We could not ask for your order.',
    lead: `Our server did not answer, which says nothing of your payment: if it has gone through, Stripe tells us, and ${MAIL}.`,
    again: true
  }
};

const box = document.querySelector<HTMLElement>('[data-thanks]')!;
const part = <T extends HTMLElement>(what: string) => box.querySelector<T>(what)!;
const button = part<HTMLButtonElement>('[data-again]');
const id = (history.state as { checkout?: unknown } | null)?.checkout;

function show(state: Exclude<State, 'none'>, plan?: string): void {
  const { title, lead, again, order } = SAYS[state];
  const name = PLANS.some((p) => p.id === plan) ? planName(plan as PlanId) : undefined;
  const put = (what: string, text: string) => {
    const e = part(what);
    // what is the same is not read out again
    if (e.textContent !== text) e.textContent = text;
  };

  box.dataset.state = state;
  put('h1', title);
  put('[data-lead]', state === 'paid' && name ? lead.replace('payment', `payment for ${name}`) : lead);
  button.hidden = !again;
  part('[data-order]').hidden = !order;
}

async function ask(session: string): Promise<{ state: State; plan?: string; wait: number }> {
  try {
    const response = await fetch(`/api/stripe/checkout?session_id=${encodeURIComponent(session)}`, {
      headers: { Accept: 'application/json' },
      cache: 'no-store',
      signal: AbortSignal.timeout(15_000)
    });

    if (response.ok) {
      const { status, plan } = (await response.json()) as { status?: string; plan?: string };
      const state = status === 'paid' || status === 'unpaid' ? status : 'open';
      return { state, plan, wait: 0 };
    }
    // none, or not here
    if ([400, 404].includes(response.status)) return { state: 'open', wait: Infinity };
    return { state: 'lost', wait: Number(response.headers.get('Retry-After')) || 0 };
  } catch {
    return { state: 'lost', wait: 0 };
  }
}

let told = false;

async function follow(session: string): Promise<void> {
  show('asking');
  for (let n = 0; ; n++) {
    const { state, plan, wait } = await ask(session);
    const last = state === 'paid' || n === WAITS.length || wait > 60;

    // "not yet" is said when it has been waited for
    if (state !== 'open' || last) show(state as Exclude<State, 'none'>, plan);
    button.hidden ||= !last;
    if (last && !told) track('checkout_returned', { status: state });
    told ||= last;
    if (last) return;
    await new Promise((go) => {
      setTimeout(go, Math.max(WAITS[n]!, wait) * 1000);
    });
  }
}

if (typeof id === 'string' && /^cs_[A-Za-z0-9_]{1,250}$/.test(id)) {
  button.addEventListener('click', () => {
    button.hidden = true;
    part('h1').focus();
    void follow(id);
  });
  void follow(id);
}
