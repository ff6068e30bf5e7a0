// From the price list to the sandbox's Stripe and back: who declines, leaves,
// pays, and pays late.

import type { Page } from '@playwright/test';

import { ADMIN, expect, Sandbox, SANDBOX, test } from '../fixtures';

test.use({ httpCredentials: { ...ADMIN, send: 'unauthorized' } });

interface Order {
  id: string;
  plan: string;
  state: string;
  amount?: { value: string; currency: string };
  email?: string;
  stripe_session: string;
  session_id?: string;
  utm_source?: string;
  consent?: string;
  conversation_id?: string;
}

const go = (page: Page) => page.getByRole('button', { name: 'Go to checkout' }).click();
const title = (page: Page) => page.getByRole('heading', { level: 1 });

async function orders(page: Page): Promise<Order[]> {
  return ((await (await page.request.get('/api/admin/orders?limit=5')).json()) as { orders: Order[] }).orders;
}

test.beforeEach(async ({ request }) => new Sandbox(request).reset());

test('a plan and packs are chosen, declined, left, and paid', async ({ page }) => {
  test.setTimeout(120_000);

  await page.goto('/pricing?utm_source=letter');
  await page.getByRole('region', { name: 'Analytics' }).getByRole('button', { name: 'Yes' }).click();
  await page.getByLabel('Conversations a month').fill('2000');
  await page.getByRole('button', { name: 'Choose it' }).click();
  await page.getByRole('checkbox', { name: /HIPAA/ }).check();
  await page.getByLabel('E-mail (optional)').fill('buyer@example.com');
  await expect(page.locator('[data-total]')).toHaveText('$1,678');
  const session = await page.evaluate(() => sessionStorage.getItem('session_id'));

  // what the page says is what Stripe's says
  await go(page);
  await expect(title(page)).toHaveText('Subscribe 1678.00 USD');
  expect(page.url()).toContain(`${SANDBOX}/c/pay/cs_test_`);
  await expect(page.locator('#email')).toHaveText('buyer@example.com');
  await page.getByRole('button', { name: 'Pay with a card that is declined' }).click();
  await expect(page.getByRole('alert')).toHaveText('Your card was declined.');
  await page.getByRole('button', { name: 'Back', exact: true }).click();

  // nothing was bought, and it can be begun anew
  await expect(page).toHaveURL('/pricing');
  expect((await orders(page))[0]).toMatchObject({ plan: 'scale', state: 'open' });
  await page.getByRole('radio', { name: /^Scale/ }).check();
  await page.getByLabel('1,000 more minutes: how many').fill('2');
  await go(page);
  await expect(title(page)).toHaveText('Subscribe 1579.00 USD');

  // away by the browser's own button, the page is as it was left
  await page.goBack();
  await expect(page.locator('[data-total]')).toHaveText('$1,579');
  await go(page);
  await expect(title(page)).toHaveText('Subscribe 1579.00 USD');
  await page.getByRole('button', { name: 'Pay', exact: true }).click();

  await expect(title(page)).toHaveText('Paid. We take it from here.');
  await expect(page.getByText('Your payment for Scale has gone through')).toBeVisible();
  await expect(page).toHaveURL('/thank-you');

  const [order] = await orders(page);
  expect(order).toMatchObject({
    plan: 'scale',
    state: 'paid',
    amount: { value: '1579.00', currency: 'usd' },
    session_id: session,
    utm_source: 'letter',
    consent: 'granted'
  });

  // and counted, as there was a yes
  await expect
    .poll(
      async () => {
        const { events } = (await (await page.request.get(`${SANDBOX}/_ga4`)).json()) as { events: { name: string; params: Record<string, unknown> }[] };
        return events
          .filter((e) => ['begin_checkout', 'purchase'].includes(e.name))
          .map(({ name, params }) => [name, params.value, params.currency, params.transaction_id].join())
          .sort();
        // four go at once, in no order
      },
      { timeout: 30_000 }
    )
    .toEqual(['begin_checkout,1579,USD,', 'begin_checkout,1579,USD,', 'begin_checkout,1678,USD,', `purchase,1579,USD,${order!.id}`]);
});

test('what is paid late is said to be late, and then to be paid', async ({ page, request }) => {
  await page.goto('/pricing');
  await page.getByRole('radio', { name: /^Growth/ }).check();
  await go(page);
  await page.getByRole('button', { name: 'Pay by bank, days later' }).click();
  await expect(title(page)).toHaveText('The payment has not arrived.');

  const [order] = await orders(page);
  expect((await request.post(`${SANDBOX}/_stripe`, { data: { do: 'paid', session: order!.stripe_session } })).ok()).toBe(true);
  await expect(title(page), 'by itself').toHaveText('Paid. We take it from here.');
});
