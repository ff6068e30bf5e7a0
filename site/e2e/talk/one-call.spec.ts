import type { Page } from '@playwright/test';

import { expect, Sandbox, test } from '../fixtures';

// One conversation at a time, whatever is pressed.
const opener = (page: Page) => page.getByRole('button', { name: 'Open video chat' });
const dialog = (page: Page) => page.getByRole('dialog', { name: 'Video chat' });
const stage = (page: Page) => page.getByRole('region', { name: 'Live demo' });
const demo = (page: Page) => page.getByRole('button', { name: 'Start Video Demo' });
const one = (page: Page) => page.getByRole('heading', { name: 'One conversation at a time' });
const begin = (page: Page) => dialog(page).getByRole('button', { name: 'Start conversation' });

let sandbox: Sandbox;
const creates = async () => (await sandbox.calls()).filter((c) => c.method === 'POST' && c.path === '/v2/conversations').length;

test.beforeEach(async ({ request }) => {
  sandbox = new Sandbox(request);
  await sandbox.reset();
});

test('a demo is running: the bubble shows it, and starts no other', async ({ page }) => {
  await page.goto('/demos/legal');
  await demo(page).click();
  await expect(stage(page).locator('iframe')).toBeVisible();
  await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
  await opener(page).click();
  await expect(stage(page).getByRole('group', { name: 'Conversation' })).toBeFocused();
  await expect(stage(page)).toBeInViewport();
  await expect(dialog(page)).toBeHidden();

  // the button is still there under the call
  await demo(page).evaluate((b: HTMLButtonElement) => b.click());
  await expect(stage(page)).toHaveCount(1);
  await expect(stage(page).locator('iframe')).toBeVisible();
  expect(await creates()).toBe(1);

  // and when it is over, another may begin
  await stage(page).getByRole('button', { name: 'End conversation' }).click();
  await expect(stage(page).getByText('Thank you for the talk.')).toBeFocused();
  await opener(page).click();
  await begin(page).click();
  await expect(dialog(page).locator('iframe')).toBeVisible();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'End and close' }).click();
  await demo(page).evaluate((b: HTMLButtonElement) => b.click());
  await expect(stage(page).locator('iframe')).toBeVisible();
  await expect(stage(page)).toHaveCount(1);
  expect(await creates()).toBe(3);
  await expect.poll(() => sandbox.ended()).toBe(2);
});

test('asked for while the demo is being made', async ({ page }) => {
  await sandbox.fault({ kind: 'delay', ms: 1500, times: 1 });
  await page.goto('/demos/legal');
  await demo(page).click();
  await expect(stage(page).getByText('Preparing your room')).toBeVisible();
  await opener(page).click();
  await expect(stage(page).locator('iframe')).toBeVisible();
  await expect(dialog(page)).toBeHidden();
  expect(await creates()).toBe(1);
});

test('what tries again by itself does not do so beside another', async ({ page }) => {
  await sandbox.fault({ kind: 'status', status: 401, times: 1 });
  await page.clock.install();
  await page.goto('/demos/legal');
  await demo(page).click();
  await expect(stage(page).getByText('Trying again by itself')).toBeVisible();
  await opener(page).click();
  await begin(page).click();
  await expect(dialog(page).locator('iframe')).toBeVisible();
  await page.clock.fastForward(61_000);
  // beside the other one, and it takes no focus there
  await expect(page.locator('[data-stage] [data-problem=in_call]')).toBeAttached();
  await expect(dialog(page)).toBeFocused();
  expect(await creates()).toBe(2);
});

test('nor beside one in another tab', async ({ page, context }) => {
  await page.goto('/demos/legal');
  await demo(page).click();
  await expect(stage(page).locator('iframe')).toBeVisible();

  const other = await context.newPage();
  await other.goto('/');
  await opener(other).click();
  await begin(other).click();
  await expect(one(other)).toBeFocused();
  expect(await creates()).toBe(1);

  await stage(page).getByRole('button', { name: 'End conversation' }).click();
  await other.getByRole('button', { name: 'Try Again' }).click();
  await expect(dialog(other).locator('iframe')).toBeVisible();

  // a tab that goes frees the place
  await other.close();
  await stage(page).getByRole('button', { name: 'Start another' }).click();
  await expect(stage(page).locator('iframe')).toBeVisible();
});
