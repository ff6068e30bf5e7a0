import { chromium, type Page } from '@playwright/test';

import { ROOM, standIn } from '../call-machine';
import { ADMIN, BASE, expect, Sandbox, test } from '../fixtures';

// A page that the browser has put aside and brings back as it was: its call is over,
// and nothing of it is left that could speak, or keep another tab from talking.
const panel = (page: Page) => page.getByRole('dialog', { name: 'Video chat' });

const persisted = (page: Page) => page.evaluate(() => (window as unknown as { persisted?: boolean }).persisted);

async function restored(work: (page: Page, sandbox: Sandbox) => Promise<void>, launchOptions: object, visitor: string): Promise<void> {
  // Playwright switches that cache off
  const browser = await chromium.launch({ ...launchOptions, ignoreDefaultArgs: ['--disable-back-forward-cache'] });

  try {
    const context = await browser.newContext({
      baseURL: BASE,
      extraHTTPHeaders: { 'X-Forwarded-For': visitor },
      httpCredentials: { ...ADMIN, send: 'unauthorized' }
    });
    const page = await context.newPage();
    page.on('dialog', (dialog) => dialog.accept());
    await page.addInitScript(() => addEventListener('pageshow', (e) => Object.assign(window, { persisted: e.persisted })));
    const sandbox = new Sandbox(context.request);
    await sandbox.reset();
    await work(page, sandbox);
  } finally {
    await browser.close();
  }
}

test('a call in a page that comes back is over, and says so', async ({ visitor, launchOptions }) => {
  await restored(
    async (page, sandbox) => {
      await standIn(page);
      await sandbox.fault({
        kind: 'status',
        status: 200,
        times: 1,
        body: { conversation_id: `ca11${Date.now().toString(16)}`, conversation_url: ROOM, status: 'active', conversation_name: 'x' }
      });
      await page.goto('/');
      await page.getByRole('button', { name: 'Open video chat' }).click();
      await panel(page).getByRole('button', { name: 'Start conversation' }).click();
      await expect(panel(page).getByRole('button', { name: 'End conversation' })).toBeVisible();

      await page.goto('/about');
      await expect.poll(() => sandbox.ended()).toBe(1);
      // the place is free while that page lies aside
      await page.getByRole('button', { name: 'Open video chat' }).click();
      await panel(page).getByRole('button', { name: 'Start conversation' }).click();
      await expect(panel(page).getByRole('button', { name: 'End conversation' })).toBeVisible();

      await page.evaluate(() => history.back());
      await expect(page).toHaveURL(`${BASE}/`);
      expect(await persisted(page)).toBe(true);
      await expect(panel(page).getByText('Thank you for the talk.')).toBeVisible();
      await expect(panel(page).getByRole('button', { name: 'End conversation' })).toBeHidden();
      await expect.poll(() => sandbox.ended()).toBe(2);

      await panel(page)
        .getByRole('button', { name: /Start|again/ })
        .first()
        .click();
      await expect(panel(page).getByRole('button', { name: 'End conversation' })).toBeVisible();
      await panel(page).getByRole('button', { name: 'End conversation' }).click();
      await expect.poll(() => sandbox.ended()).toBe(3);
    },
    launchOptions,
    visitor
  );
});
