import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { request as http } from 'node:http';

import { HtmlValidate } from 'html-validate';

import { BASE, expect, MARKETING, PAGES, test } from '../fixtures';

const BUILT = join(import.meta.dirname, '../../../build/site');

// As it comes over the wire: fetch would unpack it.
function raw(path: string, encoding: string): Promise<{ headers: Record<string, string | string[] | undefined>; body: Buffer }> {
  return new Promise((resolve, reject) => {
    http(new URL(path, BASE), { headers: { 'Accept-Encoding': encoding } }, (r) => {
      const parts: Buffer[] = [];
      r.on('data', (p: Buffer) => parts.push(p));
      r.on('end', () => resolve({ headers: r.headers, body: Buffer.concat(parts) }));
    })
      .on('error', reject)
      .end();
  });
}

test('each page has one address', async ({ request }) => {
  for (const [from, to] of [
    ['/pricing/', '/pricing'],
    ['/pricing.html', '/pricing'],
    ['/demos/', '/demos'],
    ['/demos/legal.html', '/demos/legal'],
    ['/index.html', '/'],
    ['/index', '/'],
    ['/admin.html', '/admin'],
    ['/health', '/demos/healthcare'],
    ['/law', '/demos/legal'],
    ['/retail', '/demos/ecommerce'],
    ['/pricing/?utm_source=x', '/pricing?utm_source=x']
  ] as const) {
    const response = await request.get(from, { maxRedirects: 0 });
    expect([from, response.status(), response.headers().location]).toEqual([from, 301, to]);
  }
  for (const path of ['/404.html', '/demos/none', '/_a/none.js', '/%0d%0aX:%201.html', '/.htaccess']) {
    expect([path, (await request.get(path, { maxRedirects: 0 })).status()]).toEqual([path, 404]);
  }
});

test('pages are revalidated, hashed files are not', async ({ request }) => {
  const page = await request.get('/pricing');
  expect(page.headers()['cache-control']).toBe('no-cache');
  expect(page.headers()['link']).toBe(`<${BASE}/pricing>; rel="canonical"`);

  const again = await request.get('/pricing', { headers: { 'If-None-Match': page.headers().etag! } });
  expect(again.status()).toBe(304);

  const asset = /\/_a\/[^"]+\.css/.exec(await page.text())![0];
  expect((await request.get(asset)).headers()['cache-control']).toBe('public, max-age=31536000, immutable');
});

test('what the build compressed is what is sent', async () => {
  for (const [encoding, unpack] of [
    ['gzip', gunzipSync],
    ['br', brotliDecompressSync]
  ] as const) {
    const { headers, body } = await raw('/pricing', encoding);
    expect(headers['content-encoding']).toBe(encoding);
    expect(headers['content-length']).toBe(String(body.length));
    expect(unpack(body).equals(readFileSync(join(BUILT, 'pricing.html')))).toBe(true);
  }
});

test('headers guard every answer', async ({ request }) => {
  for (const path of ['/', '/pricing', '/no-such-page', '/admin', '/icon.svg', '/config.json', '/api/none']) {
    const h = (await request.get(path)).headers();
    const policy = h['content-security-policy']!;

    expect(policy, path).toContain("default-src 'none'");
    expect(policy, path).not.toMatch(/unsafe-(?:inline|eval|hashes)/);
    expect(h['x-content-type-options'], path).toBe('nosniff');
    expect(h['referrer-policy'], path).toBe('strict-origin-when-cross-origin');
    expect(h['cross-origin-opener-policy'], path).toBe('same-origin');
    expect(h['cross-origin-resource-policy'], path).toBe('same-origin');
    expect(h['permissions-policy'], path).toMatch(/camera=\(self "http/);
  }
  expect((await request.get('/admin')).headers()['cross-origin-embedder-policy']).toBe('require-corp');
});

test('robots and site map name this origin', async ({ request }) => {
  expect(await (await request.get('/robots.txt')).text()).toContain(`Sitemap: ${BASE}/sitemap.xml`);
  const urls = [...(await (await request.get('/sitemap.xml')).text()).matchAll(/<loc>(.*?)<\/loc>/g)].map((m) => m[1]);
  expect(urls.sort()).toEqual(MARKETING.map((p) => BASE + p).sort());
});

test('every link and file leads somewhere', async ({ request }) => {
  const ids = new Map<string, Set<string>>();
  const links: [string, string][] = [];

  for (const path of [...PAGES, '/no-such-page']) {
    const html = await (await request.get(path)).text();
    ids.set(path, new Set([...html.matchAll(/\sid="([^"]+)"/g)].map((m) => m[1]!)));
    for (const [, link, content] of html.matchAll(/\s(?:(?:href|src)="((?:\/|#)[^"]*)"|content="(\/[^"]*)")/g)) links.push([path, (link ?? content)!]);
    for (const [, set = ''] of html.matchAll(/\ssrcset="([^"]+)"/g)) {
      for (const one of set.split(', ')) links.push([path, one.split(' ')[0]!]);
    }
  }

  const seen = new Map<string, number>();
  const bad: string[] = [];

  for (const [from, link] of links) {
    const [path, fragment] = link.startsWith('#') ? [from, link.slice(1)] : (link.split('#') as [string, string | undefined]);
    if (!seen.has(path)) seen.set(path, (await request.get(path, { maxRedirects: 0 })).status());
    if (seen.get(path) !== 200 && path !== from) bad.push(`${from} -> ${link}: ${seen.get(path)}`);
    if (fragment && !ids.get(path)?.has(fragment)) bad.push(`${from} -> ${link}: no such place`);
  }
  expect(bad).toEqual([]);
  expect(seen.size).toBeGreaterThan(30);
});

test('the HTML is valid', async () => {
  const validator = new HtmlValidate({
    extends: ['html-validate:recommended'],
    rules: {
      // matters of taste, settled by Astro and React
      'void-style': 'off',
      'attribute-boolean-style': 'off',
      'attribute-empty-style': 'off',
      'no-trailing-whitespace': 'off',
      'doctype-style': 'off',
      'long-title': 'off',
      'attr-case': 'off',
      'no-inline-style': 'error'
    },
    elements: ['html5', { 'astro-island': { flow: true, phrasing: true, permittedContent: ['@flow'] } }]
  });
  const wrong: string[] = [];

  for (const file of globSync('**/*.html', { cwd: BUILT })) {
    const report = await validator.validateString(readFileSync(join(BUILT, file), 'utf8'), file);
    for (const r of report.results) {
      for (const m of r.messages) wrong.push(`${file}:${m.line}:${m.column} ${m.ruleId}: ${m.message}`);
    }
  }
  expect(wrong).toEqual([]);
});

test('the home page is small, and nobody else hears of it', async ({ page, watch }) => {
  const sizes: { url: string; bytes: number }[] = [];
  page.on('response', (r) => {
    void r
      .request()
      .sizes()
      .then((s) => sizes.push({ url: r.url(), bytes: s.responseBodySize }))
      .catch(() => {});
  });

  await page.goto('/', { waitUntil: 'networkidle' });
  for (const part of await page.locator('.reveal').all()) await part.scrollIntoViewIfNeeded();
  await page.waitForLoadState('networkidle');

  const sum = (what: RegExp) => sizes.filter((s) => what.test(s.url)).reduce((n, s) => n + s.bytes, 0);
  const scripts = sizes.filter((s) => /\.js$/.test(s.url));
  const script = sum(/\.js$/);

  console.log(`home: ${sizes.length} requests, ${sum(/./)} bytes, ${script} of them script`);
  expect(scripts, 'one file, which asks for no other').toHaveLength(1);
  expect(script).toBeGreaterThan(1000);
  expect(script).toBeLessThanOrEqual(15 * 1024);
  expect(sizes.length).toBeLessThanOrEqual(20);
  expect(sum(/./)).toBeLessThanOrEqual(200 * 1024);
  expect(sizes.filter((s) => /(?:client|mount|react|DailyRoom|posthog)[^/]*\.js/.test(s.url))).toEqual([]);
  expect(watch.foreign).toEqual([]);
});

test('what is shared on social sites is there', async ({ page, request }) => {
  await page.goto('/');
  const image = await page.locator('meta[property="og:image"]').getAttribute('content');
  const card = await request.get(image!);
  expect(card.headers()['content-type']).toBe('image/png');
  expect(JSON.parse((await page.locator('script[type="application/ld+json"]').textContent()) ?? '')['@type']).toBe('WebSite');
  for (const img of await page.locator('img').all()) {
    expect(await img.getAttribute('width')).toMatch(/^\d+$/);
    expect(await img.getAttribute('height')).toMatch(/^\d+$/);
  }
});
