import AxeBuilder from '@axe-core/playwright';

import { ADMIN, BASE, expect, Sandbox, test } from '../fixtures';

test('the panel is for who can log in', async ({ request }) => {
  for (const path of ['/admin', '/admin?view=conversations', '/api/admin/events']) {
    const response = await request.get(path);
    expect(response.status()).toBe(401);
    expect(response.headers()['www-authenticate']).toMatch(/^Basic/);
    expect(await response.text()).not.toContain('astro-island');
  }
});

test.describe('logged in', () => {
  test.use({ httpCredentials: { ...ADMIN, send: 'unauthorized' } });

  test.beforeAll(async ({ playwright }) => {
    const request = await playwright.request.newContext({ baseURL: BASE, extraHTTPHeaders: { 'X-Forwarded-For': '10.9.9.9' } });
    const sandbox = new Sandbox(request);

    await sandbox.reset();
    for (const vertical of ['healthcare', 'ecommerce']) {
      const created = await (await request.post('/api/tavus/create-conversation', { data: { vertical } })).json() as { conversation_id: string; end_token: string };
      await request.post('/api/tavus/end-conversation', { data: { conversation_id: created.conversation_id, end_token: created.end_token } });
    }
    await request.dispose();
  });

  test('filters stand in the address, and come from it', async ({ page }) => {
    await page.goto('/admin');
    await expect(page.getByRole('table', { name: 'Events' })).toBeVisible();

    await page.getByLabel('Type').selectOption('webhook');
    await expect(page).toHaveURL('/admin?type=webhook');
    await expect(page.locator('tr[data-event="system.shutdown"]').first()).toBeVisible();
    await expect(page.locator('tbody tr', { hasNotText: 'webhook' })).toHaveCount(0);

    await page.getByLabel('Event', { exact: true }).fill('system.shutdown');
    await page.getByRole('button', { name: 'Filter', exact: true }).click();
    await expect(page).toHaveURL('/admin?type=webhook&event_type=system.shutdown');
    await expect(page.locator('tbody tr:not([data-event="system.shutdown"])')).toHaveCount(0);

    await page.goBack();
    await expect(page).toHaveURL('/admin?type=webhook');
    await expect(page.getByLabel('Event', { exact: true })).toHaveValue('');

    await page.goto('/admin?q=nothing-is-called-this');
    await expect(page.getByText('No event fits these filters.')).toBeVisible();
    await expect(page.getByLabel('Text')).toHaveValue('nothing-is-called-this');
    await page.getByRole('button', { name: 'Clear' }).click();
    await expect(page).toHaveURL('/admin');
  });

  test('what the API does not understand is said', async ({ page }) => {
    await page.goto('/admin?cursor=rubbish');
    await expect(page.getByRole('alert')).toContainText('A filter was not understood');
  });

  test('conversations by vertical', async ({ page }) => {
    await page.goto('/admin?view=conversations&vertical=ecommerce');
    await expect(page.locator('tbody tr').first()).toContainText('ecommerce');
    await expect(page.locator('tbody tr', { hasNotText: 'ecommerce' })).toHaveCount(0);
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    test(`no barrier, ${colorScheme}`, async ({ page, watch }) => {
      await page.emulateMedia({ colorScheme });
      for (const path of ['/admin', '/admin?view=conversations']) {
        await page.goto(path);
        await expect(page.getByRole('table')).toBeVisible();
        const { violations } = await new AxeBuilder({ page }).analyze();
        expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(' | ')}`)).toEqual([]);
      }
      expect(watch.foreign).toEqual([]);
    });
  }
});
