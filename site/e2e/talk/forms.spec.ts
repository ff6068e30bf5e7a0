import AxeBuilder from '@axe-core/playwright';
import type { Request } from '@playwright/test';

import type { SystemEvent } from '../../src/lib/admin';
import { ADMIN, deployed, expect, settings, test } from '../fixtures';

const problem = (status: number, code: string, more = {}) => ({
  status, contentType: 'application/problem+json',
  body: JSON.stringify({ type: 'about:blank', title: code, status, code, ...more })
});

test.describe('contact', () => {
  test('says what is missing, and puts the focus there', async ({ page }) => {
    const sent: Request[] = [];
    page.on('request', (r) => { if (r.url().endsWith('/api/contact')) sent.push(r); });
    await page.goto('/contact');
    await page.getByRole('button', { name: 'Send message' }).click();
    await expect(page.getByText('Tell us your name')).toBeVisible();
    await expect(page.getByLabel('Name')).toBeFocused();
    await expect(page.getByLabel('Name')).toHaveAttribute('aria-invalid', 'true');
    expect(sent).toEqual([]);
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map((v) => v.id)).toEqual([]);
  });

  test('what was typed before the form woke up is kept', async ({ page }) => {
    await page.goto('/contact');
    await page.locator('#name').evaluate((e: HTMLInputElement) => { e.value = 'Typed early'; });
    await page.getByLabel('E-mail').fill('me@example.com');
    await expect(page.locator('astro-island[ssr]')).toHaveCount(0);
    await expect(page.getByLabel('Name')).toHaveValue('Typed early');
  });

  test('a message is taken, or the page says that it was not', async ({ page, request }) => {
    const there = (await request.post('/api/contact', { data: {} })).status() !== 404;

    await page.goto('/contact');
    await page.getByLabel('Name').fill('Test Visitor');
    await page.getByLabel('E-mail').fill('visitor@example.com');
    await page.getByLabel('Message').fill('Would it speak Danish with us?');
    await page.getByRole('button', { name: 'Send message' }).click();

    if (there) {
      await expect(page.getByText('Thank you. We have it.')).toBeFocused();
    } else {
      await expect(page.getByRole('alert')).toContainText('cannot take messages right now');
      await expect(page.getByRole('link', { name: /^Write to / })).toHaveAttribute('href', /^mailto:/);
      await expect(page.getByLabel('Message')).toHaveValue('Would it speak Danish with us?');
    }
  });

  test('what the server finds is shown at its field', async ({ page }) => {
    await page.route('**/api/contact', (r) => r.fulfill(problem(400, 'invalid_contact', { issues: [{ field: 'email', message: 'No such domain.' }] })));
    await page.goto('/contact');
    await page.getByLabel('Name').fill('Test Visitor');
    await page.getByLabel('E-mail').fill('visitor@example.com');
    await page.getByLabel('Message').fill('Would it speak Danish with us?');
    await page.getByRole('button', { name: 'Send message' }).click();
    await expect(page.getByText('No such domain.')).toBeVisible();
    await expect(page.getByLabel('E-mail')).toBeFocused();
  });
});

test.describe('pricing', () => {
  test('estimates, adds up, and keeps its sums right', async ({ page }) => {
    await page.goto('/pricing');
    await page.getByLabel('Conversations a month').fill('2000');
    await page.getByLabel('Minutes each').fill('4');
    await expect(page.getByText('8,000', { exact: true })).toBeVisible();
    await expect(page.getByText('$1,619')).toBeVisible();
    await page.getByRole('button', { name: 'Choose it' }).click();
    await expect(page.getByRole('radio', { name: /Scale/ })).toBeChecked();
    await page.getByRole('checkbox', { name: /1,000 more minutes/ }).check();
    await page.getByRole('checkbox', { name: /HIPAA/ }).check();
    await expect(page.locator('[data-total]')).toHaveText('$1,598');
  });

  test('the checkout is opened, or the page says that it is not', async ({ page }) => {
    const answer = page.waitForResponse('**/api/stripe/checkout');
    await page.goto('/pricing');
    await page.getByRole('radio', { name: /^Growth/ }).check();
    await page.getByRole('checkbox', { name: /Service level/ }).check();
    await page.getByRole('button', { name: 'Go to checkout' }).click();
    const response = await answer;
    expect(response.request().postDataJSON()).toEqual({ plan: 'growth', add_ons: ['sla'] });
    if ([404, 503].includes(response.status())) {
      await expect(page.getByRole('alert')).toContainText('Paying online is not open');
      await expect(page.getByRole('link', { name: /^Write to / })).toHaveAttribute('href', /^mailto:.*Growth/);
    }
  });

  test('a checkout that fails charges nobody', async ({ page }) => {
    await page.route('**/api/stripe/checkout', (r) => r.fulfill(problem(502, 'upstream_error')));
    await page.goto('/pricing');
    await page.getByRole('button', { name: 'Go to checkout' }).click();
    await expect(page.getByRole('alert')).toContainText('You have not been charged');
  });
});

test('the calculator calculates', async ({ page }) => {
  await page.goto('/roi-calculator');
  await expect(page.locator('[data-net]')).toHaveText('$984');
  await page.getByLabel('Hours a week spent answering').fill('0');
  await expect(page.locator('[data-net]')).toHaveText('−$99');
  await expect(page.getByText('A month, not in your favour')).toBeVisible();
});

test.describe('tracking', () => {
  test.use({ httpCredentials: { ...ADMIN, send: 'unauthorized' } });

  test('what happened is on record, and the first touch stays', async ({ page, request }) => {
    test.skip(!(await settings(request)).tracking, 'this deployment has no /api/track');

    await deployed(page, { consent: true });
    await page.goto('/?utm_source=first&utm_campaign=one');
    await page.getByRole('region', { name: 'Analytics' }).getByRole('button', { name: 'Yes' }).click();
    await page.getByRole('link', { name: 'Choose a demo' }).click();
    // a page that is left before its scripts have run was not viewed
    await page.waitForURL('/demos', { waitUntil: 'load' });
    await page.goto('/about?utm_source=second');

    // What a page sends as it is left the browser does not show; the server has it.
    const session = await page.evaluate(() => sessionStorage.getItem('session_id'));
    let events: SystemEvent[] = [];
    await expect.poll(async () => {
      const response = await page.request.get(`/api/admin/events?source=browser&q=${session}`);
      events = ((await response.json()) as { events: SystemEvent[] }).events;
      return events.map((e) => e.event_type).sort();
    }).toEqual(['consent', 'page_view', 'page_view', 'page_view', 'select_item']);

    const properties = events.map((e) => e.data as Record<string, string>);
    expect(properties.map((p) => p.utm_source)).toEqual(['first', 'first', 'first', 'first', 'first']);
    expect(properties.filter((p) => p.item).map((p) => p.item)).toEqual(['hero-demos']);
    expect(properties.filter((p) => p.title).map((p) => p.path).sort()).toEqual(['/', '/about', '/demos']);

    await page.goto(`/admin?source=browser&q=${session}`);
    await expect(page.locator('[data-event="page_view"]')).toHaveCount(3);
  });
});
