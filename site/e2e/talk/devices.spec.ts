import type { Page } from '@playwright/test';

import { expect, Sandbox, test } from '../fixtures';

// The device check before a call: it says what it found, how loud one is, and what to
// do where something cannot be had.
const panel = (page: Page) => page.getByRole('dialog', { name: 'Video chat' });

test.beforeEach(async ({ request }) => {
  await new Sandbox(request).reset();
});

async function check(page: Page): Promise<void> {
  await page.goto('/');
  await page.getByRole('button', { name: 'Open video chat' }).click();
  await expect(panel(page).getByText('Microphone found')).toBeVisible();
}

const refuse = (page: Page, name: string, only?: 'video' | 'audio') =>
  page.addInitScript(
    ([error, what]) => {
      const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = (wants) => (!what || wants?.[what as 'video'] ? Promise.reject(new DOMException('x', error)) : real(wants));
    },
    [name, only] as const
  );

test('a test shows the picture, the level, and what can be chosen', async ({ page }) => {
  await check(page);
  await panel(page).getByRole('button', { name: 'Test them first' }).click();
  await expect(panel(page).getByLabel('Your camera')).toBeVisible();
  // the browser's pretended microphone beeps
  await expect(panel(page).getByText('We hear you.')).toBeVisible();
  await expect
    .poll(() =>
      panel(page)
        .getByRole('meter')
        .evaluate((m: HTMLMeterElement) => m.value)
    )
    .toBeGreaterThan(0);
  for (const label of ['Camera', 'Microphone', 'Speaker']) {
    const list = panel(page).getByLabel(label, { exact: true });
    await expect(list.locator('option').first()).not.toHaveText('');
  }
  await panel(page).getByRole('button', { name: 'Play a sound' }).click();
  await expect(panel(page).getByText('Two tones were played.')).toBeVisible();
});

test('another microphone is taken, and the room gets it', async ({ page }) => {
  await check(page);
  await panel(page).getByRole('button', { name: 'Test them first' }).click();
  const list = panel(page).getByLabel('Microphone', { exact: true });
  await expect(list).toBeVisible();
  const other = await list.locator('option').nth(1).getAttribute('value');
  await list.selectOption(other);
  await expect(list).toHaveValue(other!);
});

test('after a no nothing is said to be found, and how to take it back', async ({ page }) => {
  await refuse(page, 'NotAllowedError');
  await check(page);
  await panel(page).getByRole('button', { name: 'Test them first' }).click();
  await expect(panel(page).getByRole('alert')).toContainText('Click the icon at the left of the address');
  await expect(panel(page).getByText('Camera not allowed')).toBeVisible();
  await expect(panel(page).getByText('Microphone not allowed')).toBeVisible();
  await expect(panel(page).getByRole('button', { name: 'Start conversation' })).toBeEnabled();
});

test('a camera that another program has: the microphone is tested', async ({ page }) => {
  await refuse(page, 'NotReadableError', 'video');
  await check(page);
  await panel(page).getByRole('button', { name: 'Test them first' }).click();
  await expect(panel(page).getByRole('alert')).toContainText('Another program seems to use the camera');
  await expect(panel(page).getByText('Camera in use elsewhere')).toBeVisible();
  await expect(panel(page).getByText('We hear you.')).toBeVisible();
});

test('unplugged, and plugged in again', async ({ page }) => {
  await page.addInitScript(() => {
    const real = navigator.mediaDevices.enumerateDevices.bind(navigator.mediaDevices);
    let there = true;
    navigator.mediaDevices.enumerateDevices = async () => (there ? real() : []);
    Object.assign(window, {
      plug: (now: boolean) => {
        there = now;
        navigator.mediaDevices.dispatchEvent(new Event('devicechange'));
      }
    });
  });
  await check(page);
  await page.evaluate(() => (window as unknown as { plug: (b: boolean) => void }).plug(false));
  await expect(panel(page).getByText('No microphone: you can listen and type')).toBeVisible();
  await page.evaluate(() => (window as unknown as { plug: (b: boolean) => void }).plug(true));
  await expect(panel(page).getByText('Microphone found')).toBeVisible();
});
