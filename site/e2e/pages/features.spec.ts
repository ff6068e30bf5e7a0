import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Page } from '@playwright/test';

import { FEATURES, type FeatureId, featureOf, type Switch } from '../../src/data/features';
import { deployed, expect, PAGES, test } from '../fixtures';

// What the pages promise stands in one table, with the tests that are behind it; and
// is shown where it is configured.
const ROOT = join(import.meta.dirname, '../../..');
const IDS = Object.keys(FEATURES) as FeatureId[];
const SWITCHES = [...new Set(IDS.flatMap((id) => featureOf(id).on ?? []))].sort();

test('behind each feature there is a test, and behind what people do a page', () => {
  for (const id of IDS) {
    const { by, proof } = featureOf(id);
    expect(proof.length, id).toBeGreaterThan(0);
    for (const file of proof) {
      expect(existsSync(join(ROOT, file)), `${id}: ${file}`).toBe(true);
      expect(file, id).toMatch(by === 'software' ? /\.(?:t|spec\.ts)$/ : /^site\/src\//);
    }
  }
});

test('nginx knows each switch', () => {
  const rows = readFileSync(join(ROOT, 'ngx_tavus_module/ngx_tavus_features.c'), 'utf8').matchAll(/^ {4}\{ "(\w+)",/gm);
  expect([...rows].map((m) => m[1]).sort()).toEqual(SWITCHES);
});

// Words that promise something which not every site has, or which people have to do.
const WATCHED =
  /\b(?:e-?mails? (?:you|us)|by e-?mail|by mail|export|analytics|your own (?:tools|systems)|remembers?|memory|wait(?:ing|s)? (?:in )?line|in line|checkout|support|SLA|BAA|phone menu|languages|CRM|Slack|calendar|24\/7|guarantee|transcripts?|database|admin panel)\b/i;

// What stands there in a form, in law, or as a question, promises nothing.
const PLAIN = 'form, [data-consent], nav, footer, summary, h1, h2, h3, legend, label, .prose, noscript, .caption';

test('a promise says what it is of', async ({ page }) => {
  const bare: string[] = [];

  await deployed(page, { features: SWITCHES });
  for (const path of PAGES.filter((p) => !p.startsWith('/legal') && p !== '/accessibility')) {
    await page.goto(path);
    const texts = await page.locator('main').evaluate((main, plain) => {
      const walker = document.createTreeWalker(main, NodeFilter.SHOW_TEXT);
      const found: { text: string; of: string | null }[] = [];

      while (walker.nextNode()) {
        const around = walker.currentNode.parentElement!;
        if (around.closest(`${plain}, script, style`) && !around.closest('[data-of]')) continue;
        found.push({ text: walker.currentNode.textContent!.trim(), of: around.closest<HTMLElement>('[data-of]')?.dataset.of ?? null });
      }
      return found;
    }, PLAIN);

    for (const { text, of } of texts) {
      if (of !== null) for (const id of of.split(' ')) expect(IDS, `${path}: ${text}`).toContain(id);
      else if (WATCHED.test(text)) bare.push(`${path}: ${text}`);
    }
  }
  expect(bare).toEqual([]);
});

const shown = (page: Page) =>
  page
    .locator('[data-on]')
    .evaluateAll((all) =>
      [...new Set(all.filter((e) => getComputedStyle(e).display !== 'none').flatMap((e) => (e as HTMLElement).dataset.on!.split(' ')))].sort()
    );

test('what is not configured is not promised', async ({ page }) => {
  for (const features of [[], ['line'], SWITCHES] as Switch[][]) {
    await deployed(page, { features });
    const seen = new Set<string>();
    for (const path of ['/', '/pricing']) {
      await Promise.all([page.waitForResponse('**/config.json'), page.goto(path)]);
      await expect(page.locator('html')).toHaveAttribute('data-checkout');
      for (const id of await shown(page)) seen.add(id);
      await page.unroute('**/config.json');
      await deployed(page, { features });
    }
    // one that wants two is shown where there are both
    expect(
      [...seen].every((id) => (features as string[]).includes(id)),
      features.join()
    ).toBe(true);
    if (features.length) expect(seen.size).toBeGreaterThan(0);
  }
});

test('the privacy notice leaves out what is not configured, and says all without JavaScript', async ({ page, browser }) => {
  const parts = () => page.locator('[data-if]');

  await deployed(page, { features: [] });
  await page.goto('/legal/privacy');
  await expect(page.locator('html')).toHaveAttribute('data-checkout');
  expect(await parts().count()).toBeGreaterThan(5);
  for (const part of await parts().all()) await expect(part).toBeHidden();
  await page.unroute('**/config.json');
  await deployed(page, { features: SWITCHES });
  await page.goto('/legal/privacy');
  for (const part of await parts().all()) await expect(part).toBeVisible();

  const context = await browser.newContext({ javaScriptEnabled: false });
  const plain = await context.newPage();
  await plain.goto('/legal/privacy');
  for (const part of await plain.locator('[data-if]').all()) await expect(part).toBeVisible();
  await context.close();
});

test('what this deployment has, nginx says', async ({ request }) => {
  const config = (await (await request.get('/config.json')).json()) as { features: string[]; checkout: boolean };
  expect(config.features.every((id) => (SWITCHES as string[]).includes(id))).toBe(true);
  expect(config.features.includes('checkout')).toBe(config.checkout);
});
