import type { Page, Request } from '@playwright/test';

import { BUILT_IN } from '../../src/data/prices';
import { BASE, deployed, expect, person, test } from '../fixtures';

test('a vertical that is not there is not offered', async ({ page }) => {
  await deployed(page, { verticals: ['legal', 'general'] });
  await page.goto('/demos');
  await expect(page.getByRole('main').getByRole('heading', { name: 'Healthcare' })).toBeHidden();
  await expect(page.getByRole('main').getByRole('heading', { name: 'Legal' })).toBeVisible();
  await expect(page.getByRole('contentinfo').getByRole('link', { name: 'E-commerce' })).toBeHidden();
});

test('prices are the deployment’s, or those built in', async ({ page, watch }) => {
  await deployed(page, { prices: { plans: { starter: { amount: 14_900, minutes: 200 } } } });
  await page.goto('/pricing');
  // nothing was touched
  await expect(page.locator('[data-total]')).toHaveText('$149');
  await expect(page.getByText('Starter, 200 minutes')).toBeVisible();
  await page.getByLabel('Conversations a month').fill('50');
  await expect(page.getByRole('status')).toContainText('Starter, $149 a month');

  await page.goto('/roi-calculator');
  await expect(page.locator('[data-net]')).toHaveText('$984');
  await page.getByLabel('Minutes of conversation a month').fill('200');
  await expect(page.locator('[data-net]')).toHaveText('$1,434');

  expect(watch.errors).toEqual([]);
  await deployed(page, { prices: { plans: { starter: { amount: '149' } } } });
  await page.goto('/pricing');
  await expect.poll(() => watch.errors.join()).toContain('starter: amount is not right; the prices built in are shown');
  await expect(page.locator('[data-total]')).toHaveText('$199');
});

test('what is shown is told to programs', async ({ request }) => {
  expect(await (await request.get('/prices.json')).json()).toEqual(BUILT_IN);
});

test('mail goes to the deployment’s address', async ({ page }) => {
  await deployed(page, { contact_email: 'desk@clinic.example' });
  await page.goto('/contact');
  await expect(page.getByRole('link', { name: 'desk@clinic.example' })).toHaveAttribute('href', 'mailto:desk@clinic.example');
});

test('where nothing is counted, nothing is sent', async ({ page }) => {
  const sent: string[] = [];
  page.on('request', (r) => {
    if (r.url().endsWith('/api/track')) sent.push(r.url());
  });
  await deployed(page, { tracking: false });
  const asked = () => page.waitForResponse('**/config.json');
  await Promise.all([asked(), page.goto('/')]);
  await Promise.all([asked(), page.getByRole('link', { name: 'Choose a demo' }).click()]);
  await expect(page).toHaveURL('/demos');
  await page.goto('about:blank');
  expect(sent).toEqual([]);
});

test('the privacy notice says how long what is kept here', async ({ page }) => {
  const { retention } = (await (await page.request.get('/config.json')).json()) as { retention: Record<string, number> };
  const said = async () =>
    Object.fromEntries(
      await page
        .locator('[data-how-long] [data-days]')
        .evaluateAll((all) => all.map((e) => [(e as HTMLElement).dataset.days!, Number.parseInt(e.textContent!, 10)]))
    );

  await page.goto('/legal/privacy');
  await expect.poll(said).toEqual(retention);
  await deployed(page, { retention: { ...retention, browser: 7, contacts: 30, transcripts: 1 } });
  await page.reload();
  await expect.poll(said).toEqual({ ...retention, browser: 7, contacts: 30, transcripts: NaN });
  await expect(page.locator('[data-days=transcripts]')).toHaveText('a day');
});

test.describe('PostHog', () => {
  // PostHog itself, behind /relay/: t/site_posthog.t has nginx's part
  const relayed = async (page: Page): Promise<Request[]> => {
    const requests: Request[] = [];
    await page.route(`${BASE}/relay/**`, (route) => {
      requests.push(route.request());
      return route.fulfill({ json: { autocapture_opt_out: false, supportedCompression: [], featureFlags: {}, sessionRecording: false } });
    });
    return requests;
  };
  const bar = (page: Page) => page.getByRole('region', { name: 'Analytics' });
  const scripts = (page: Page) => {
    const urls: string[] = [];
    page.on('request', (r) => {
      if (/module\.no-external|posthog[^/]*\.js/.test(r.url())) urls.push(r.url());
    });
    return urls;
  };

  test('is not asked about where there is no key', async ({ page }) => {
    await deployed(page, { consent: false, posthog_key: '' });
    await page.goto('/', { waitUntil: 'networkidle' });
    await expect(bar(page)).toBeHidden();
  });

  test('is not loaded without a yes', async ({ page }) => {
    const code = scripts(page);
    const requests = await relayed(page);

    await deployed(page, { posthog_key: 'phc_test' });
    await page.goto('/');
    await bar(page).getByRole('button', { name: 'No, thanks' }).click();
    await expect(bar(page)).toBeHidden();
    await page.goto('/about', { waitUntil: 'networkidle' });
    await expect(bar(page), 'asked once').toBeHidden();
    expect(code).toEqual([]);
    expect(requests).toEqual([]);
  });

  test('goes through this origin after a yes', async ({ page, watch, browser }) => {
    await person(page, browser);

    const code = scripts(page);
    const requests = await relayed(page);

    await deployed(page, { posthog_key: 'phc_test' });
    await page.goto('/');
    await bar(page).getByRole('button', { name: 'Yes' }).click();
    await expect.poll(() => code.length, 'its code is loaded').toBeGreaterThan(0);
    await page.goto('/about');
    // what is pressed before it is there, it has not seen
    await expect(async () => {
      await page.getByRole('button', { name: 'Dark theme' }).click();
      expect(
        requests.some((r) => r.method() === 'POST' && /\/relay\/(?:e|i\/v0\/e)\//.test(r.url())),
        'an event'
      ).toBe(true);
    }).toPass({ intervals: [1000], timeout: 15_000 });
    expect(watch.foreign).toEqual([]);
  });
});
