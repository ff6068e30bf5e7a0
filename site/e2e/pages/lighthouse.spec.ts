import { launch } from 'chrome-launcher';
import lighthouse from 'lighthouse';

import { BASE, expect, MARKETING, test } from '../fixtures';

// Performance is a timing, and the bench's; these three are not.
const CATEGORIES = ['accessibility', 'best-practices', 'seo'];

test.describe.configure({ mode: 'serial' });

test('Lighthouse, as on a phone: 100 on every marketing page', async () => {
  test.setTimeout(240_000);

  const chrome = await launch({
    chromePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    chromeFlags: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync']
  });

  try {
    const short: string[] = [];

    for (const path of MARKETING) {
      const result = await lighthouse(BASE + path, {
        port: chrome.port,
        output: 'json',
        logLevel: 'error',
        onlyCategories: CATEGORIES,
        throttlingMethod: 'provided',
        disableFullPageScreenshot: true,
        // the pages ask for nothing late, and nothing here is a timing
        maxWaitForLoad: 4000,
        pauseAfterFcpMs: 0,
        pauseAfterLoadMs: 0,
        networkQuietThresholdMs: 250,
        cpuQuietThresholdMs: 0
      });
      const lhr = result!.lhr;

      for (const name of CATEGORIES) {
        const category = lhr.categories[name]!;
        if (category.score === 1) continue;
        const why = category.auditRefs
          .map((r) => lhr.audits[r.id]!)
          .filter((a) => a.score !== null && a.score < 1)
          .map((a) => a.id);
        short.push(`${path} ${name} ${category.score}: ${why.join(', ')}`);
      }
    }
    expect(short).toEqual([]);
  } finally {
    chrome.kill();
  }
});
