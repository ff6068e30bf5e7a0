import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';

import { ADMIN, BASE, callback, expect, test } from '../fixtures';
import { night } from '../night';

// An owner's day at the panel: what came over night is seen, answered and put right.
test.use({ httpCredentials: { ...ADMIN, send: 'unauthorized' } });

const view = (page: Page, title: string) => page.getByRole('navigation', { name: 'Panel' }).getByRole('link', { name: title, exact: true });

test("an owner's day", async ({ page, request, context }) => {
  test.setTimeout(180_000);
  const { id, email } = await night(request);

  // what there is, and where it leads
  await page.goto('/admin');
  await expect(page.locator('[data-figure="Leads"]')).not.toHaveText('0');
  await page.locator('[data-figure="Leads"]').click();
  await expect(page).toHaveURL(/view=inbox&handled=all&from=/);

  // who waits for an answer
  await view(page, 'Inbox').click();
  const lead = page.locator('[data-lead]', { hasText: email });
  await expect(lead).toContainText('Please call me back about Friday.');
  await expect(lead.getByRole('link', { name: 'Reply by mail' })).toHaveAttribute('href', new RegExp(`^mailto:${email.replace('@', '%40')}\\?subject=Re%3A`));
  await lead.getByRole('button', { name: 'Handled' }).click();
  await expect(lead).toBeHidden();

  // what was said, beside what happened
  await view(page, 'Conversations').click();
  await page.getByRole('searchbox', { name: 'Search' }).fill('walk');
  await page.getByRole('searchbox', { name: 'Search' }).fill('"walk-ins on friday"');
  await page.keyboard.press('Enter');
  const row = page.locator(`[data-conversation="${id}"]`);
  await expect(row.locator('mark')).toHaveText(/walk-ins on friday/i);
  await row.getByRole('link', { name: 'Do you take walk-ins on Friday?' }).click();
  await expect(page.locator('[data-transcript] > li')).toHaveText([/Do you take walk-ins/, /We do, until noon/]);
  await expect(page.locator('[data-event="conversation.created"]')).toBeVisible();
  await expect(page.getByRole('button', { name: 'End it' })).toBeHidden();

  // what came of it: that, and nothing else
  await page
    .locator('dt', { hasText: /^Messages$/ })
    .locator('xpath=..')
    .getByRole('link')
    .click();
  await expect(page).toHaveURL(new RegExp(`view=inbox&handled=all&conversation_id=${id}`));
  await expect(page.locator('[data-lead]')).toHaveCount(1);
  await page.goBack();
  await page
    .locator('dt', { hasText: /^Orders$/ })
    .locator('xpath=..')
    .getByRole('link')
    .click();
  await expect(page).toHaveURL(new RegExp(`view=payments&conversation_id=${id}&state=paid`));
  await expect(page.locator('[data-order]')).toHaveCount(1);

  // what did not arrive, of which there is an alert within half a minute
  await view(page, 'Overview').click();
  const alert = page.locator('[data-alerts] li', { hasText: '"crm"' });
  await expect(alert).toContainText('went there in vain', { timeout: 60_000 });
  await alert.getByRole('link').click();
  await expect(page).toHaveURL('/admin?view=deliveries&destination=crm&state=dead');
  const dead = page.locator('[data-delivery]', { hasText: 'crm' }).filter({ hasText: 'dead' }).first();
  await expect(dead).toContainText('400');
  const number = await dead.getAttribute('data-delivery');
  await dead.getByRole('button', { name: 'Now' }).click();
  await expect(page.locator(`[data-delivery="${number}"]`, { hasText: 'dead' })).toBeHidden();

  // what was paid
  await view(page, 'Payments').click();
  await page.getByRole('searchbox', { name: 'Search' }).fill(`email:${email}`);
  await page.keyboard.press('Enter');
  await expect(page.locator('[data-order]')).toHaveCount(1);
  await expect(page.locator('[data-order]')).toContainText('paid');
  await expect(page.locator('[data-subscription]')).toHaveText(new RegExp(email));
  await expect(page.getByRole('alert')).toBeHidden();

  // a filter that somebody else is shown
  await view(page, 'Events').click();
  await page.getByRole('searchbox', { name: 'Search' }).fill(`conversation_id:${id} source:server`);
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(new RegExp(`conversation_id=${id}`));
  const other = await context.newPage();
  await other.goto(page.url());
  await expect(other.getByRole('list', { name: 'Filters that are set' })).toContainText(id);
  await expect(other.locator('[data-event="conversation.created"]')).toBeVisible();
  await other.close();

  // taken along
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Export CSV' }).click()]);
  expect(file.suggestedFilename()).toMatch(/\.csv$/);

  // and forgotten
  await view(page, 'Visitors').click();
  await page.getByRole('textbox', { name: 'Address, session or user' }).fill(email);
  await page.keyboard.press('Enter');
  await expect(page.locator('dl')).toContainText(email);
  await page.getByRole('button', { name: 'Erase this visitor' }).click();
  await expect(page.getByRole('dialog')).toContainText('There is no way back.');
  await page.getByRole('button', { name: 'Leave it' }).click();
  await expect(page.getByRole('dialog')).toBeHidden();
  await page.getByRole('button', { name: 'Erase this visitor' }).click();
  await page.getByRole('button', { name: 'Erase all of it' }).click();
  await expect(page.getByRole('heading', { name: 'Erased', exact: true })).toBeVisible({ timeout: 60_000 });
  await page.goto(`/admin?view=visitor&key=${encodeURIComponent(email)}`);
  await expect(page.getByText('Nothing is held of this one.')).toBeVisible();
});

test('each number leads to the rows that it counts', async ({ page, request }) => {
  await night(request);
  await page.goto('/admin?span=week');
  await expect(page.locator('[data-figure="Conversations"]')).not.toHaveText('0');
  await page.getByText('Conversations as a table').click();
  const today = page.locator('figure tbody tr').last();
  const n = Number((await today.getByRole('link').innerText()).replaceAll(',', ''));
  expect(n).toBeGreaterThan(0);
  await today.getByRole('link').click();
  await expect(page).toHaveURL(/view=conversations&from=[^&]+&to=/);
  const from = new URL(page.url()).searchParams.get('from')!;
  expect(new Date(from).toString(), 'the day is the owner’s').toContain(' 00:00:00 ');
  await expect(page.locator('[data-conversation]').first()).toBeVisible();
  await page.goBack();

  // as does a bar
  const plot = page.locator('figure .u-over');
  const box = (await plot.boundingBox())!;
  await plot.hover({ position: { x: box.width - 12, y: box.height - 4 } });
  await plot.click({ position: { x: box.width - 12, y: box.height - 4 } });
  await expect(page).toHaveURL(new RegExp(`view=conversations&from=${encodeURIComponent(from)}`));
});

test('events are watched as they come, held, and let go on', async ({ page, request }) => {
  await page.goto('/admin?view=events&source=tavus');
  await page.getByRole('button', { name: 'Watch live' }).click();
  await expect(page.locator('[data-told]')).toHaveText('Live');

  const event = (n: number) =>
    callback(request, { event_type: 'conversation.utterance', conversation_id: `live-${n}`, properties: { role: 'user', speech: 'Hello' } });
  const first = page.locator('[data-row]').first();
  const run = Date.now();

  await event(run);
  await expect(first).toContainText(`live-${run}`);
  await page.getByRole('button', { name: 'Pause' }).click();
  await event(run + 1);
  await expect(page.locator('[data-count]')).toContainText('1 held');
  await expect(first).toContainText(`live-${run}`);
  await page.getByRole('button', { name: 'Go on' }).click();
  await expect(first).toContainText(`live-${run + 1}`);

  await first.getByRole('button', { name: /^Show/ }).click();
  await expect(page.getByText('speech').first()).toBeVisible();
  await page.getByRole('button', { name: 'Verify again' }).click();
  await expect(page.getByText('These are the bytes that came')).toBeVisible();
});

test('tabs that watch the same share one stream', async ({ page, request, context }) => {
  const streams: string[] = [];
  context.on('request', (r) => {
    if (r.url().includes('/events/stream')) streams.push(r.url());
  });
  const run = Date.now();
  const url = `/admin?view=events&live=1&q=shared${run}`;
  const other = await context.newPage();

  await page.goto(url);
  await expect(page.locator('[data-told]')).toHaveText('Live');
  await other.goto(url);
  await expect(other.locator('[data-told]')).toHaveText('Live, by another tab');
  await callback(request, { event_type: 'conversation.utterance', conversation_id: `shared${run}-1`, properties: {} });
  for (const tab of [page, other]) await expect(tab.locator('[data-row]').first()).toContainText(`shared${run}-1`);
  expect(streams).toHaveLength(1);

  // the other one goes on where it was
  await page.close();
  await callback(request, { event_type: 'conversation.utterance', conversation_id: `shared${run}-2`, properties: {} });
  await expect(other.locator('[data-row]').first()).toContainText(`shared${run}-2`);
  await expect(other.locator('[data-row]')).toHaveCount(2);
  expect(streams).toHaveLength(2);
  expect(streams[1]).toContain('last_event_id=');
});

test.describe('in Los Angeles', () => {
  test.use({ timezoneId: 'America/Los_Angeles' });

  test('rows and filters are of one zone, which is named', async ({ page, request }) => {
    const run = `zone-${Date.now()}`;
    await callback(request, {
      event_type: 'conversation.utterance',
      conversation_id: run,
      timestamp: new Date(Date.now() - 3_600_000).toISOString(),
      properties: {}
    });
    await page.goto(`/admin?view=events&conversation_id=${run}`);
    const time = page.locator('[data-row] time');
    const iso = (await time.getAttribute('datetime'))!;
    const shown = (zone: string) => new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium', timeZone: zone }).format(new Date(iso));

    await expect(time).toHaveText(shown('America/Los_Angeles'));
    await expect(time).toHaveAttribute('title', /UTC$/);
    await page.getByText('Filters', { exact: true }).click();
    const hour = new Date(Date.parse(iso) - 7_200_000).toLocaleString('sv-SE', { timeZone: 'America/Los_Angeles' }).slice(0, 16).replace(' ', 'T');
    await page.getByLabel('From (America/Los_Angeles)').fill(hour);
    await expect(page).toHaveURL(/from=/);
    await expect(time).toBeVisible();
    expect(Math.abs(Date.parse(new URL(page.url()).searchParams.get('from')!) - (Date.parse(iso) - 7_200_000))).toBeLessThan(60_001);

    await page.getByRole('button', { name: 'Times of America/Los_Angeles' }).click();
    await expect(time).toHaveText(shown('UTC'));
    await expect(page.getByLabel('From (UTC)')).toBeVisible();
  });
});

test('an event is found by its id', async ({ page, request }) => {
  await callback(request, { event_type: 'conversation.utterance', conversation_id: 'by-id', properties: {} });
  const { events } = (await (await request.get('/api/admin/events?conversation_id=by-id')).json()) as { events: { id: string }[] };
  await page.goto('/admin?view=events');
  await page.getByRole('searchbox', { name: 'Search' }).fill(events[0]!.id);
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(`/admin?view=event&id=${events[0]!.id}`);
  await expect(page.getByRole('heading', { name: 'conversation.utterance' })).toBeVisible();
});

test('when each secret was last needed', async ({ page, request }) => {
  await callback(request, { event_type: 'conversation.utterance', conversation_id: 'secret-1', properties: {} });
  await page.goto('/admin?view=system');
  const key = page.locator('[data-node] [data-key]').first();
  await expect(key.locator('time')).toBeVisible();
  expect(Date.now() - Date.parse((await key.locator('time').getAttribute('datetime'))!)).toBeLessThan(60_000);
  await expect(page.locator('[data-node]').first()).toContainText('0.1.0');
});

test('by keys alone', async ({ page, request }) => {
  await night(request);
  await page.goto('/admin?view=conversations');
  await expect(page.locator('[data-row]').first()).toBeVisible();
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog', { name: 'Keys' })).toBeVisible();
  await page.keyboard.press('Escape');
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('k');
  await expect(page.locator('[data-row]').first().getByRole('link').first()).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/view=conversation&id=/);
  await expect(page.getByRole('heading', { name: 'Timeline' })).toBeVisible();
  await page.goBack();
  await page.keyboard.press('/');
  await expect(page.getByRole('searchbox', { name: 'Search' })).toBeFocused();
  await page.keyboard.type('j');
  await expect(page.getByRole('searchbox', { name: 'Search' })).toHaveValue('j');
});

test('the server away, and back', async ({ page }) => {
  await page.goto('/admin?view=events&source=server');
  await expect(page.locator('[data-row]').first()).toBeVisible();
  await page.route('**/api/admin/**', (route) => route.abort());
  await page.getByRole('button', { name: 'Refresh' }).click();
  await expect(page.getByRole('alert')).toContainText('The server could not be reached.', { timeout: 30_000 });
  await expect(page.locator('[data-row]').first(), 'what was there stays').toBeVisible();
  await page.unroute('**/api/admin/**');
  await page.getByRole('button', { name: 'Refresh' }).click();
  await expect(page.getByRole('alert')).toBeHidden();
});

test('on a phone, in the dark, nothing is cut off', async ({ page, request }) => {
  const { id } = await night(request);
  await page.setViewportSize({ width: 390, height: 780 });
  await page.emulateMedia({ colorScheme: 'dark' });
  for (const path of ['overview', 'inbox&handled=all', 'conversations', `conversation&id=${id}`, 'payments', 'documents', 'events', 'deliveries', 'system']) {
    await page.goto(`/admin?view=${path}`);
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    await expect(page.locator('[data-skeleton]')).toHaveCount(0);
    await expect(page.locator('[aria-busy=true]')).toHaveCount(0);
    expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(390);
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map((v) => `${path} ${v.id}: ${v.nodes.map((n) => n.html).join(' | ')}`)).toEqual([]);
  }
});

test('nothing is asked for by a page that nobody sees', async ({ page }) => {
  await page.goto('/admin');
  await expect(page.locator('[data-figures]')).toBeVisible();
  await page.clock.install();
  await page.evaluate(() => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => true });
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => 'hidden' });
    document.dispatchEvent(new Event('visibilitychange'));
  });
  const asked: string[] = [];
  page.on('request', (r) => {
    if (r.url().startsWith(`${BASE}/api/`)) asked.push(r.url());
  });
  await page.clock.runFor(120_000);
  expect(asked).toEqual([]);
});
