// The question itself: for eyes, fingers and keyboards, and beside a call.

import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';

import { deployed, expect, test } from '../fixtures';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const LOOKS = {
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  wide: { colorScheme: 'light', viewport: { width: 1600, height: 900 } },
  mobile: { colorScheme: 'light', viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
  small: { colorScheme: 'dark', viewport: { width: 320, height: 480 }, isMobile: true, hasTouch: true }
} as const;

const bar = (page: Page) => page.getByRole('region', { name: 'Analytics' });

for (const [look, options] of Object.entries(LOOKS)) {
  test.describe(look, () => {
    test.use({ ...options, contextOptions: { reducedMotion: 'reduce' } });

    test('it is whole, and leaves room for the rest', async ({ page }) => {
      await deployed(page, { consent: true });
      await page.goto('/legal/privacy');
      await expect(bar(page)).toBeVisible();
      const { violations } = await new AxeBuilder({ page }).withTags(TAGS).analyze();
      expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(' | ')}`)).toEqual([]);

      const box = (await bar(page).boundingBox())!;
      const bubble = (await page.getByRole('button', { name: 'Open video chat' }).boundingBox())!;
      const apart = box.x + box.width <= bubble.x || box.y + box.height <= bubble.y;
      expect(apart, 'beside the bubble').toBe(true);
      expect(box.y, 'below the header').toBeGreaterThan(0);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(page.viewportSize()!.width);
    });
  });
}

test('a click that has begun goes where it was meant to, whatever comes meanwhile', async ({ page }) => {
  await deployed(page, { consent: true });
  await page.setViewportSize({ width: 1280, height: 500 });
  let told = () => {};
  const pressed = new Promise<void>((resolve) => {
    told = resolve;
  });
  await page.route('**/config.json', async (route) => {
    await pressed;
    await route.fallback();
  });
  await page.goto('/demos');

  // one that is where the question will be
  const link = page.getByRole('link', { name: 'Open the e-commerce demo' });
  await link.evaluate((a) => {
    document.documentElement.style.scrollBehavior = 'auto';
    window.scrollBy(0, a.getBoundingClientRect().bottom - window.innerHeight + 60);
  });
  const box = (await link.boundingBox())!;
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.down();
  told();
  await expect(bar(page)).toBeVisible();
  const asked = (await bar(page).boundingBox())!;
  expect(asked.y, 'it lies over the link').toBeLessThan(box.y + box.height / 2);
  // however long it is held
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 1000)));
  await page.mouse.up();
  await expect(page).toHaveURL('/demos/ecommerce');

  await bar(page).getByRole('button', { name: 'Yes' }).click();
  await expect(bar(page)).toBeHidden();
});

test('a keyboard passes through it, and back to where it was opened', async ({ page }) => {
  await deployed(page, { consent: true });
  await page.goto('/about');
  await expect(bar(page)).toBeVisible();
  await expect(page.locator(':focus'), 'it takes no focus by itself').toHaveCount(0);

  const passed: string[] = [];
  for (let i = 0; i < 5; i++) {
    await page.keyboard.press('Tab');
    passed.push(await page.locator(':focus').evaluate((e) => e.textContent.trim()));
  }
  expect(passed).toEqual(['Skip to content', 'What that means', 'No, thanks', 'Yes', 'Parley']);

  await page.getByRole('button', { name: 'No, thanks' }).press('Enter');
  await expect(bar(page)).toBeHidden();

  const again = page.getByRole('button', { name: 'Analytics choices' });
  await again.press('Enter');
  await expect(bar(page)).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(bar(page)).toBeHidden();
  await expect(again).toBeFocused();
});

test('it stands over no conversation', async ({ page }) => {
  await deployed(page, { consent: true });
  await page.route('**/api/tavus/create-conversation', () => {
    /* for ever */
  });
  await page.goto('/demos/legal');
  await expect(bar(page)).toBeVisible();
  await page.getByRole('button', { name: 'Start Video Demo' }).click();
  await expect(page.getByText('Preparing your room…')).toBeVisible();
  await expect(bar(page)).toBeHidden();
});

test('over the widget’s dialog it does not stand either', async ({ page }) => {
  await deployed(page, { consent: true });
  await page.goto('/');
  await expect(bar(page)).toBeVisible();
  await page.getByRole('button', { name: 'Open video chat' }).click();
  const begin = page.getByRole('button', { name: 'Start conversation' });
  await expect(begin).toBeVisible();
  expect(
    await begin.evaluate((e) => {
      const { left, top, width, height } = e.getBoundingClientRect();
      return e.contains(document.elementFromPoint(left + width / 2, top + height / 2));
    })
  ).toBe(true);
});
