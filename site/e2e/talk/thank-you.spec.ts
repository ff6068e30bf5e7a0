// Back from Stripe: what the page says, and what it tells of the order's number.

import AxeBuilder from '@axe-core/playwright';
import type { Page, Request } from '@playwright/test';

import { deployed, expect, test } from '../fixtures';

const ID = 'cs_test_a1B2c3D4e5F6';

type Answer = { status: number; json?: unknown; headers?: Record<string, string> } | 'gone';

// Answers the page's questions with these, the last of them for ever.
async function answered(page: Page, ...answers: Answer[]): Promise<string[]> {
  const asked: string[] = [];

  await page.route('**/api/stripe/checkout?*', (r) => {
    const answer = answers[Math.min(asked.length, answers.length - 1)]!;
    asked.push(new URL(r.request().url()).search);
    return answer === 'gone' ? r.abort() : r.fulfill(answer);
  });
  return asked;
}

const is = (status: string, plan?: string): Answer => ({ status: 200, json: { status, plan } });

test('the number leaves the address before anything is counted, and goes nowhere but to the server', async ({ page }) => {
  const heard: Request[] = [];

  await page.addInitScript(() => {
    navigator.sendBeacon = () => false;
  });
  page.on('request', (r) => heard.push(r));
  await deployed(page, { consent: true });
  const asked = await answered(page, is('open'), is('paid', 'scale'));
  const counted = page.waitForRequest('**/api/track');
  await page.goto(`/thank-you?session_id=${ID}&utm_source=letter`);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Paid. We take it from here.');
  await expect(page.getByText('Your payment for Scale has gone through')).toBeVisible();
  await expect(page).toHaveURL('/thank-you?utm_source=letter');
  expect(asked).toEqual([`?session_id=${ID}`, `?session_id=${ID}`]);
  expect(JSON.stringify((await counted).postDataJSON())).toContain('page_view');

  // a reload still knows; elsewhere nothing does
  await page.reload();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Paid. We take it from here.');
  await page.getByRole('link', { name: 'To the start page' }).click();
  await expect(page).toHaveURL('/');
  await expect.poll(() => heard.some((r) => r.url().endsWith('/api/track') && r.postData()!.includes('"path":"/"'))).toBe(true);

  for (const r of heard.filter((r) => !/\/thank-you\?|\/api\/stripe\/checkout\?/.test(r.url()))) {
    expect(`${r.url()} ${r.postData() ?? ''} ${JSON.stringify(await r.allHeaders())}`, r.url()).not.toContain(ID);
  }
  for (const r of heard) expect((await r.allHeaders()).referer ?? '', r.url()).not.toContain(ID);
  expect(await page.evaluate(() => [document.referrer, JSON.stringify(localStorage), JSON.stringify(sessionStorage)].join())).not.toContain(ID);
});

test('it asks until it knows, not for ever, and says what it does not know', async ({ page }) => {
  const title = page.getByRole('heading', { level: 1 });
  const again = page.getByRole('button', { name: 'Ask again' });

  await page.clock.install();
  const asked = await answered(
    page,
    is('open'),
    'gone',
    { status: 429, headers: { 'Retry-After': '20' } },
    { status: 503 },
    is('open'),
    is('open'),
    is('open'),
    is('open'),
    is('open'),
    is('unpaid'),
    is('paid', 'no such plan')
  );
  const answers = async (n: number) => {
    await expect.poll(() => asked.length).toBe(n);
  };

  await page.goto(`/thank-you?session_id=${ID}`);
  await answers(1);
  await expect(title).toHaveText('Looking for your order…');
  await page.clock.runFor(1000);
  await answers(2);
  await expect(title).toHaveText('We could not ask for your order.');
  await page.clock.runFor(2000);
  await answers(3);
  // as long as it was told to wait
  await page.clock.runFor(15_000);
  expect(asked).toHaveLength(3);
  await page.clock.runFor(5000);
  await answers(4);
  for (const [n, seconds] of [
    [5, 5],
    [6, 8],
    [7, 13],
    [8, 21],
    [9, 30]
  ] as const) {
    await page.clock.runFor(seconds * 1000);
    await answers(n);
  }
  await expect(title).toHaveText('No payment is known yet.');
  await page.clock.runFor(600_000);
  expect(asked, 'it has given up').toHaveLength(9);
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map((v) => v.id)).toEqual([]);

  await again.click();
  await expect(title).toBeFocused();
  await answers(10);
  await expect(title).toHaveText('The payment has not arrived.');
  await expect(page.getByRole('link', { name: 'Back to the plans' })).toBeVisible();
  await page.clock.runFor(1000);
  await expect(title).toHaveText('Paid. We take it from here.');
  await expect(again).toBeHidden();
  await expect(page.getByText('Your payment has gone through')).toBeVisible();
});

test('without a number, or with another one, it asks for nothing', async ({ page }) => {
  const asked = await answered(page, is('paid'));

  for (const query of ['', '?session_id=', '?session_id=%3Cb%3E', `?session_id=${'x'.repeat(300)}`]) {
    await page.goto(`/thank-you${query}`, { waitUntil: 'networkidle' });
    await expect(page).toHaveURL('/thank-you');
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Thank you for coming back.');
  }
  expect(asked).toEqual([]);
});
