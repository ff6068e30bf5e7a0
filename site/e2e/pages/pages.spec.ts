import AxeBuilder from '@axe-core/playwright';

import { expect, PAGES, test } from '../fixtures';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const LOOKS = {
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  mobile: { colorScheme: 'light', viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }
} as const;

for (const [look, options] of Object.entries(LOOKS)) {
  test.describe(look, () => {
    test.use({ ...options, contextOptions: { reducedMotion: 'reduce' } });

    for (const path of [...PAGES, '/no-such-page']) {
      test(`${path} is whole`, async ({ page, watch }) => {
        const response = await page.goto(path);

        expect(response?.status()).toBe(path === '/no-such-page' ? 404 : 200);
        await expect(page.locator('h1')).toHaveCount(1);
        await expect(page.getByRole('button', { name: 'Open video chat' })).toBeVisible();
        await expect(page.locator('html')).toHaveClass(/\bjs\b/);

        const { violations } = await new AxeBuilder({ page }).withTags(TAGS).analyze();
        expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(' | ')}`)).toEqual([]);

        expect(watch.foreign, 'requests to others').toEqual([]);
        expect(watch.errors.filter((e) => !(path === '/no-such-page' && e.includes('404')))).toEqual([]);
      });
    }
  });
}

test('no page scrolls sideways, at whatever width', async ({ page }) => {
  for (const path of [...PAGES, '/no-such-page']) {
    await page.goto(path);
    for (const width of [320, 390, 560, 768, 1024, 1280, 1600]) {
      await page.setViewportSize({ width, height: 900 });
      const found = await page.evaluate(() => document.documentElement.scrollWidth);
      expect(found, `${path} at ${width}`).toBeLessThanOrEqual(width);
    }
  }
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  for (const path of PAGES) {
    test(`${path} can be read`, async ({ page }) => {
      await page.goto(path);
      await expect(page.locator('h1')).toBeVisible();
      await expect(page.getByRole('button', { name: 'Open video chat' })).toBeHidden();
      // but what is promised only where it is configured, which nobody can tell then
      for (const part of await page.locator(':is(main h2, main h3):not([data-on] *)').all()) await expect(part).toBeVisible();
      for (const part of await page.locator('.reveal').all()) await expect(part).toHaveCSS('opacity', '1');
      await expect(page.locator('.needs-js:visible')).toHaveCount(0);
    });
  }

  test('the menu opens on a phone', async ({ page }) => {
    await page.setViewportSize({ width: 390, height: 844 });
    await page.goto('/');
    await page.locator('summary[aria-label="Menu"]').click();
    await page.getByRole('navigation', { name: 'Menu' }).getByRole('link', { name: 'Pricing' }).click();
    await expect(page).toHaveURL('/pricing');
  });
});

test('motion moves what comes into view, and leaves it visible', async ({ page }) => {
  await page.goto('/');
  const last = page.locator('.reveal').last();
  await expect(last).toHaveCSS('opacity', '0');
  await last.scrollIntoViewIfNeeded();
  await expect(last).toHaveClass(/revealed/);
  await expect(last).toHaveCSS('opacity', '1');
});

test.describe('with reduced motion', () => {
  test.use({ contextOptions: { reducedMotion: 'reduce' } });

  test('nothing starts hidden and nothing runs', async ({ page }) => {
    await page.goto('/');
    for (const part of await page.locator('.reveal').all()) await expect(part).toHaveCSS('opacity', '1');
    expect(await page.evaluate(() => document.getAnimations().length)).toBe(0);
  });
});

test('the theme is the visitor’s, and stays', async ({ page }) => {
  await page.emulateMedia({ colorScheme: 'light' });
  await page.goto('/');
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await ground();
  const button = page.getByRole('button', { name: 'Dark theme' });

  await button.click();
  await expect(button).toHaveAttribute('aria-pressed', 'true');
  const dark = await ground();
  expect(dark).not.toBe(light);
  await page.goto('/about');
  expect(await ground()).toBe(dark);
});
