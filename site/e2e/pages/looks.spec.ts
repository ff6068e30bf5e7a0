import { expect, PAGES, test } from '../fixtures';

// On paper, in colours that the system has chosen, and in what browsers show around
// a page.
test('on paper nothing is blank, wherever the page was scrolled to', async ({ page }) => {
  for (const path of PAGES) {
    await page.goto(path);
    await page.emulateMedia({ media: 'print' });
    for (const part of await page.locator('main .reveal').all()) await expect(part, path).toHaveCSS('opacity', '1');
    await expect(page.locator('.bubble'), path).toBeHidden();
    await page.emulateMedia({ media: 'screen' });
  }
});

test('where colours are forced, buttons and the panel have edges', async ({ page }) => {
  await page.emulateMedia({ forcedColors: 'active' });
  await page.goto('/');
  await page.getByRole('button', { name: 'Open video chat' }).click();
  const panel = page.getByRole('dialog', { name: 'Video chat' });
  await expect(panel).toBeVisible();
  for (const one of [
    panel,
    panel.getByRole('button', { name: 'Start conversation' }),
    page.getByRole('button', { name: 'Talk to it now' }),
    page.getByRole('link', { name: 'Choose a demo' })
  ]) {
    expect(Number.parseFloat(await one.evaluate((e) => getComputedStyle(e).borderTopWidth))).toBeGreaterThan(0);
    await expect(one).not.toHaveCSS('border-top-style', 'none');
  }
});

test('the bar of the browser follows the theme that is chosen', async ({ page }) => {
  await page.emulateMedia({ colorScheme: 'light' });
  await page.goto('/');
  const bars = () => page.locator('meta[name=theme-color]').evaluateAll((all) => all.map((m) => (m as HTMLMetaElement).content));
  expect(await bars()).toEqual(['#fbf7f0', '#0f1a17']);
  await page.getByRole('button', { name: 'Dark theme' }).click();
  expect(await bars()).toEqual(['#0f1a17', '#0f1a17']);
  await page.goto('/about');
  expect(await bars()).toEqual(['#0f1a17', '#0f1a17']);
});

test('what browsers ask for by themselves is there', async ({ page, request }) => {
  const icon = await request.get('/favicon.ico');
  expect(icon.ok()).toBe(true);
  expect((await icon.body()).subarray(0, 4)).toEqual(Buffer.from([0, 0, 1, 0]));

  const manifest = await request.get('/site.webmanifest');
  expect(manifest.headers()['content-type']).toBe('application/manifest+json');
  const { name, icons } = (await manifest.json()) as { name: string; icons: { src: string }[] };
  expect(name.length).toBeGreaterThan(0);
  for (const { src } of icons) expect((await request.get(src)).headers()['content-type']).toBe('image/png');
  await page.goto('/');
  await expect(page.locator('link[rel=manifest]')).toHaveAttribute('href', '/site.webmanifest');
});

test('a link that is shared has a card of its own, with its claim', async ({ page, request }) => {
  const cards = new Map<string, string>();
  for (const path of PAGES.filter((p) => !/^\/(?:legal|accessibility|thank-you)/.test(p))) {
    await page.goto(path);
    const of = (name: string) => page.locator(`meta[property="og:${name}"]`).getAttribute('content');
    const image = (await of('image'))!;
    const size = (await (await request.get(image)).body()).subarray(16, 24);
    expect([size.readUInt32BE(0), size.readUInt32BE(4)]).toEqual([1200, 630]);
    const heading = (await page.locator('h1').textContent())!.trim();
    expect(await of('image:alt'), path).toContain(path === '/contact' ? 'Write to us' : heading);
    expect(cards.get(image), path).toBeUndefined();
    cards.set(image, path);
  }
});
