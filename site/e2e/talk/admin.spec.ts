import AxeBuilder from '@axe-core/playwright';

import { ADMIN, BASE, callback, expect, Sandbox, test } from '../fixtures';

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
      const created = (await (await request.post('/api/tavus/create-conversation', { data: { vertical } })).json()) as {
        conversation_id: string;
        end_token: string;
      };
      await request.post('/api/tavus/end-conversation', { data: { conversation_id: created.conversation_id, end_token: created.end_token } });
    }
    await request.dispose();
  });

  test('filters stand in the address, and come from it', async ({ page }) => {
    const set = page.getByRole('list', { name: 'Filters that are set' });

    await page.goto('/admin?view=events');
    await expect(page.getByRole('table', { name: 'Events' })).toBeVisible();

    await page.getByText('Filters', { exact: true }).click();
    await page.getByLabel('Type').selectOption('webhook');
    await expect(page).toHaveURL('/admin?view=events&type=webhook');
    await expect(page.locator('[data-event="system.shutdown"]').first()).toBeVisible();
    await expect(page.locator('[data-row]', { hasNotText: 'webhook' })).toHaveCount(0);

    // one line for filters and words
    await page.keyboard.press('Escape');
    await page.getByRole('searchbox', { name: 'Search' }).fill('event_type:system.shutdown');
    await page.keyboard.press('Enter');
    await expect(page).toHaveURL('/admin?view=events&type=webhook&event_type=system.shutdown');
    await expect(page.locator('[data-row]:not([data-event="system.shutdown"])')).toHaveCount(0);
    await expect(set.getByRole('button')).toHaveText([/Type: webhook/, /Event: system.shutdown/, 'Clear']);
    await expect(page.getByRole('searchbox', { name: 'Search' })).toHaveValue('');

    await page.goBack();
    await expect(page).toHaveURL('/admin?view=events&type=webhook');
    await expect(set.getByRole('button')).toHaveText([/Type: webhook/, 'Clear']);

    await page.goto('/admin?view=events&source=tavus&q=nothing-is-called-this');
    await expect(page.getByText('No event fits these filters.')).toBeVisible();
    await expect(page.getByRole('searchbox', { name: 'Search' })).toHaveValue('nothing-is-called-this');
    await page.getByRole('button', { name: 'Without Source: tavus' }).click();
    await expect(page).toHaveURL('/admin?view=events&q=nothing-is-called-this');
  });

  test('what the API does not understand is said', async ({ page }) => {
    for (const wrong of ['source=%00', 'from=yesterday']) {
      await page.goto(`/admin?view=events&${wrong}`);
      await expect(page.getByRole('alert')).toContainText('A filter was not understood');
    }
  });

  test('a text that only an old event has is found behind large ones', async ({ page, request }) => {
    const post = (n: number, days: number, text: string) =>
      callback(request, {
        event_type: 'application.transcription_ready',
        conversation_id: `search-${n}`,
        timestamp: new Date(Date.now() - days * 86_400_000 + n).toISOString(),
        properties: { text }
      });
    await post(0, 21, 'the needle of the haystack');
    // below what the sample configuration takes of webhooks from one address in a minute
    for (let n = 1; n <= 6; n++) await post(n, 20, 'x'.repeat(8_000_000));

    let asked = 0;
    page.on('request', (r) => {
      if (r.url().includes('/api/admin/events')) asked++;
    });
    await page.goto('/admin?view=events&q=needle+of+the+haystack');
    await expect(page.getByRole('link', { name: 'search-0' })).toBeVisible();
    expect(asked, 'over pages that are not full').toBeGreaterThan(1);
    await expect(page.getByText('Looking back to')).toBeHidden();
    await expect(page.getByRole('button', { name: /Older|further/ })).toBeHidden();

    await page.goto('/admin?view=events&q=nobody+ever+said+this');
    await expect(page.getByText('No event fits these filters.')).toBeVisible();
    await expect(page.getByText('Nothing found so far.')).toBeHidden();
  });

  test('a search that takes long says how far it looked', async ({ page }) => {
    await page.clock.install();
    let asked = 0;
    await page.route('**/api/admin/events*', async (route) => {
      if (++asked === 5) await page.clock.fastForward(11_000);
      await route.fulfill({
        json: {
          events: [],
          next_cursor: `01a22200-6c1f-7b4c-9e2e-0000000000${99 - asked}`,
          searched_to: `2026-11-0${Math.max(9 - asked, 1)}T10:00:00.000Z`
        }
      });
    });
    await page.goto('/admin?view=events&q=rare');
    await expect(page.getByText(/^Looked back to 4 Nov 2026/)).toBeVisible();
    expect(asked).toBe(5);
    await expect(page.getByText('Nothing found so far.')).toBeVisible();
    await expect(page.getByText('No event fits these filters.')).toBeHidden();
    const [next] = await Promise.all([page.waitForRequest('**/api/admin/events*'), page.getByRole('button', { name: 'Look further back' }).click()]);
    expect(next.url()).toContain('cursor=01a22200-6c1f-7b4c-9e2e-000000000094');
    await page.unroute('**/api/admin/events*');
  });

  test('conversations by vertical', async ({ page }) => {
    await page.goto('/admin?view=conversations&vertical=ecommerce');
    await expect(page.locator('tbody tr').first()).toContainText('ecommerce');
    await expect(page.locator('tbody tr', { hasNotText: 'ecommerce' })).toHaveCount(0);
  });

  test('a transcript shows what people said, and the rest on demand', async ({ page, request }) => {
    await callback(request, {
      event_type: 'application.transcription_ready',
      conversation_id: 'panel-1',
      timestamp: new Date().toISOString(),
      properties: {
        face_id: 'r0fa',
        pal_id: 'p0a1',
        transcript: [
          { role: 'system', content: 'You are discreet.' },
          { role: 'replica', content: 'Hello, how can I help?', timestamp: 1767225601.5 },
          { role: 'user', content: [{ type: 'text', text: 'What does it <b>cost</b>?' }], timestamp: '2026-01-01T00:01:05' },
          { role: 'assistant', content: '', tool_calls: [{ id: 't1', function: { name: 'find_price', arguments: '{}' } }] },
          { role: 'tool', content: '{"price":25}', tool_call_id: 't1' },
          { role: 'assistant', content: 'Twenty-five a month.' },
          { role: 'user', content: null }
        ]
      }
    });
    await page.goto('/admin?view=conversation&id=panel-1');

    const rows = page.locator('[data-transcript] > li');
    await expect(rows).toHaveText([
      /^Agent 00:00:01Hello, how can I help\?$/,
      /^Visitor 00:01:05What does it <b>cost<\/b>\?$/,
      /^Agent Twenty-five a month\.$/
    ]);
    await expect(page.locator('dl')).toContainText('p0a1');
    await expect(page.locator('dl')).toContainText('r0fa');

    const show = page.getByRole('button', { name: 'Show 4 rows of system and tools' });
    await expect(show).toHaveAttribute('aria-pressed', 'false');
    await show.click();
    await expect(rows).toHaveCount(7);
    await expect(rows.locator('summary')).toHaveText(['System', 'Calls find_price', 'Tool', 'user, nothing said'].map((s) => new RegExp(`^${s} ?$`)));
    await rows.nth(4).locator('summary').click();
    await expect(rows.nth(4).locator('pre')).toHaveText('{"price":25}');

    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(' | ')}`)).toEqual([]);

    await page.getByRole('button', { name: 'Hide 4 rows of system and tools' }).click();
    await expect(rows).toHaveCount(3);
  });

  test('odd transcripts do no harm', async ({ page, request, watch }) => {
    await callback(request, {
      event_type: 'application.transcription_ready',
      conversation_id: 'panel-2',
      timestamp: new Date().toISOString(),
      properties: {
        transcript: [
          1,
          null,
          {},
          { role: 7, content: {}, tool_calls: 'x' },
          { role: 'tool', tool_calls: [null, { name: 1 }] },
          { role: 'user', content: 'after twelve', seconds_from_start: 72.9 },
          { role: 'user', content: 'oddly', seconds_from_start: 'x' }
        ]
      }
    });
    await page.goto('/admin?view=conversation&id=panel-2');
    await expect(page.locator('[data-transcript] > li')).toHaveText([/^Visitor \+1:12after twelve$/, /^Visitor oddly$/]);
    await page.getByRole('button', { name: 'Show 3 rows of system and tools' }).click();
    await expect(page.locator('[data-other] summary')).toHaveText([/^No role ?$/, /^No role ?$/, /^Calls \?, \? ?$/]);
    expect(watch.errors).toEqual([]);
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    test(`no barrier, ${colorScheme}`, async ({ page, watch }) => {
      test.setTimeout(120_000);
      await page.emulateMedia({ colorScheme });
      for (const [path, there] of [
        ['overview', '[data-figures]'],
        ['inbox', 'main h1'],
        ['conversations', '[data-conversation]'],
        ['payments', 'main h1'],
        ['visitor', 'main h1'],
        ['documents', 'main h1'],
        ['events', '[role=table]'],
        ['deliveries', '[data-destination]'],
        ['system', 'dl']
      ] as const) {
        await page.goto(`/admin?view=${path}`);
        await expect(page.locator(there).first()).toBeVisible();
        await expect(page.locator('[data-skeleton]')).toHaveCount(0);
        const { violations } = await new AxeBuilder({ page }).analyze();
        expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(' | ')}`)).toEqual([]);
      }
      expect(watch.foreign).toEqual([]);
    });
  }
});
