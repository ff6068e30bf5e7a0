import AxeBuilder from '@axe-core/playwright';

import { ADMIN, expect, Sandbox, settings, test } from '../fixtures';

test.use({ httpCredentials: { ...ADMIN, send: 'unauthorized' } });

let sandbox: Sandbox;

test.beforeEach(async ({ request }) => {
  sandbox = new Sandbox(request);
  await sandbox.reset();
});

for (const [vertical, name] of [
  ['healthcare', 'Healthcare'],
  ['legal', 'Legal'],
  ['ecommerce', 'E-commerce']
] as const) {
  test(`the ${vertical} demo asks for its own agent`, async ({ page }) => {
    await page.goto('/demos');
    await page.getByRole('link', { name: `Open the ${name.toLowerCase()} demo` }).click();
    await expect(page).toHaveURL(`/demos/${vertical}`);
    await page.getByRole('button', { name: 'Start Video Demo' }).click();
    await expect(page.locator('iframe')).toBeVisible();

    const [create] = (await sandbox.calls()).filter((c) => c.path === '/v2/conversations');
    expect(create!.body.document_tags).toContain(`kb-${vertical}`);
    expect(create!.body.pal_id).toMatch(/^p[0-9a-f]{12}$/);
  });
}

test('from the first visit to the transcript in the panel', async ({ page, request }) => {
  test.setTimeout(120_000);

  // visit, with a campaign, which is kept after a yes
  await page.goto('/?utm_source=letter&utm_medium=mail&utm_campaign=autumn');
  await page.getByRole('region', { name: 'Analytics' }).getByRole('button', { name: 'Yes' }).click();
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Demos' }).click();
  await page.getByRole('link', { name: 'Open the legal demo' }).click();

  // talk
  await page.getByRole('button', { name: 'Start Video Demo' }).click();
  const frame = page.locator('iframe').contentFrame();
  await expect(frame.locator('#lines li').nth(3)).toBeVisible();
  const said = (await frame.locator('#lines li').first().textContent())!;
  const id = /room\/([^/?]+)/.exec((await page.locator('iframe').getAttribute('src'))!)![1]!;
  await page.getByRole('button', { name: 'End conversation' }).click();
  await expect(page.getByText('Thank you for the talk.')).toBeFocused();

  // the panel
  await page.goto('/admin?view=conversations&vertical=legal');
  const row = page.locator(`[data-conversation="${id}"]`);
  await expect(row).toContainText('letter / mail / autumn');
  await row.getByRole('link').first().click();
  await expect(page).toHaveURL(`/admin?view=conversation&id=${id}`);

  // callbacks come when they come
  await expect(async () => {
    await page.getByRole('button', { name: 'Refresh' }).click();
    await expect(page.locator('[data-transcript] li').first()).toBeVisible({ timeout: 1000 });
    await expect(page.locator('[data-event="system.shutdown"]')).toBeVisible({ timeout: 1000 });
  }).toPass({ timeout: 30_000 });
  await expect(page.locator('[data-transcript]')).toContainText(said);
  await expect(page.locator('[data-transcript] li').filter({ hasText: /^\s*Agent\s*$/ }), 'no row without words').toHaveCount(0);
  await expect(page.getByText('end conversation endpoint hit').first()).toBeVisible();
  await expect(page.locator('[data-event="system.pal_joined"]')).toBeVisible();
  await expect(page.locator('[data-event="application.transcription_ready"]')).toBeVisible();

  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(' | ')}`)).toEqual([]);

  if ((await settings(request)).tracking) {
    await page.goto('/admin?view=events&source=browser');
    for (const name of ['page_view', 'video_demo_started', 'video_demo_connected', 'video_demo_ended']) {
      await expect(page.locator(`[data-event="${name}"]`).first()).toBeVisible();
    }
  }
});
