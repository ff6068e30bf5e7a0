import type { Page } from '@playwright/test';

import { expect, Sandbox, test } from '../fixtures';

const opener = (page: Page) => page.getByRole('button', { name: 'Open video chat' });
const dialog = (page: Page) => page.getByRole('dialog', { name: 'Video chat' });
const room = (page: Page) => page.locator('iframe[title="Conversation with the video agent"]');
const begin = (page: Page) => dialog(page).getByRole('button', { name: 'Start conversation' });

let sandbox: Sandbox;

test.beforeEach(async ({ request }) => {
  sandbox = new Sandbox(request);
  await sandbox.reset();
});

async function start(page: Page, path = '/'): Promise<void> {
  await page.goto(path);
  await opener(page).click();
  await begin(page).click();
}

test('a click fetches the code, shows the devices, and opens a room within 3 s', async ({ page, watch }) => {
  const scripts: string[] = [];
  page.on('request', (r) => {
    if (r.resourceType() === 'script') scripts.push(r.url());
  });

  await page.goto('/');
  await opener(page).click();
  await expect(dialog(page)).toBeVisible();
  expect(scripts.some((s) => /mount/.test(s))).toBe(true);
  await expect(dialog(page).getByText('Camera found')).toBeVisible();
  await expect(dialog(page).getByText('Microphone found')).toBeVisible();
  expect(watch.foreign, 'nothing foreign before the start').toEqual([]);
  expect(await sandbox.calls(), 'nothing is created before the start').toEqual([]);

  const began = Date.now();
  await begin(page).click();
  await expect(room(page)).toBeVisible({ timeout: 3000 });
  console.log(`room after ${Date.now() - began} ms`);
  await expect(dialog(page).getByText('nobody real is on the line')).toBeVisible();
  await expect(room(page).contentFrame().locator('#state')).toHaveText('Connected');
  expect(
    scripts.some((s) => /DailyRoom/.test(s)),
    'no Daily code for a page of its own'
  ).toBe(false);
  await expect(room(page)).toHaveAttribute('allow', /camera; microphone/);
});

test('the camera can be tried first, and is let go', async ({ page }) => {
  await page.goto('/');
  await opener(page).click();
  await dialog(page).getByRole('button', { name: 'Test them first' }).click();
  const video = dialog(page).getByLabel('Your camera');
  await expect(video).toBeVisible();
  await expect.poll(() => video.evaluate((v: HTMLVideoElement) => v.videoWidth)).toBeGreaterThan(0);
  const track = await video.evaluateHandle((v: HTMLVideoElement) => (v.srcObject as MediaStream).getVideoTracks()[0]!);
  await begin(page).click();
  await expect(room(page)).toBeVisible();
  expect(await track.evaluate((t) => t.readyState)).toBe('ended');
});

test('End conversation ends it, at Tavus too', async ({ page }) => {
  await start(page);
  await expect(room(page)).toBeVisible();
  await dialog(page).getByRole('button', { name: 'End conversation' }).click();
  await expect(dialog(page).getByText('Thank you for the talk.')).toBeFocused();
  await expect.poll(() => sandbox.ended()).toBe(1);
});

test('Leave in the room itself ends it as well, a word from elsewhere does not', async ({ page }) => {
  await start(page);
  await expect(room(page).contentFrame().locator('#state')).toHaveText('Connected');
  await page.evaluate(() => postMessage({ room: 'ended', why: 'left' }, '*'));
  await room(page)
    .contentFrame()
    .locator('body')
    .evaluate(() => parent.postMessage({ room: 'open' }, '*'));
  await expect(dialog(page).getByText('You are in the room.')).toBeVisible();
  await room(page).contentFrame().getByRole('button', { name: 'Leave' }).click();
  await expect(dialog(page).getByText('Thank you for the talk.')).toBeFocused();
});

test('the keyboard alone is enough', async ({ page }) => {
  await page.goto('/about');
  await opener(page).focus();
  await page.keyboard.press('Enter');
  await expect(dialog(page)).toBeVisible();

  for (let i = 0; i < 12 && !(await begin(page).evaluate((b) => b === document.activeElement)); i++) {
    await page.keyboard.press('Tab');
  }
  await expect(begin(page)).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(room(page)).toBeVisible();

  // without a click, the room has not taken the keyboard
  await expect(dialog(page)).toBeFocused();

  // asked first, and the answer that changes nothing is nearest
  await page.keyboard.press('Escape');
  await expect(page.getByRole('alertdialog', { name: 'End the conversation?' })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Keep talking' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('alertdialog')).toBeHidden();
  await expect(dialog(page)).toBeFocused();
  expect(await sandbox.ended()).toBe(0);

  await page.keyboard.press('Escape');
  await expect(page.getByRole('button', { name: 'Keep talking' })).toBeFocused();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await expect(dialog(page)).toBeHidden();
  await expect(opener(page)).toBeFocused();
  await expect.poll(() => sandbox.ended()).toBe(1);
});

test('in the corner the page goes on beside it, and the focus is never under it', async ({ page }) => {
  await page.setViewportSize({ width: 1100, height: 700 });
  await start(page, '/pricing');
  await expect(room(page)).toBeVisible();
  const box = (await dialog(page).boundingBox())!;
  expect([box.width, box.height]).toEqual([380, 560]);
  await expect(page.locator('html')).not.toHaveCSS('overflow', 'hidden');

  // from the last thing of the page back to its first
  const seen = new Set<string>();
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press('Shift+Tab');
    const at = await page.evaluate(() => {
      const focus = document.activeElement!;
      const panel = document.querySelector('[role=dialog]')!;
      const [a, b] = [focus.getBoundingClientRect(), panel.getBoundingClientRect()];
      return {
        name: `${focus.tagName} ${focus.textContent?.slice(0, 20)}`,
        inside: panel.contains(focus) || focus === document.body,
        under: a.right > b.left && a.left < b.right && a.bottom > b.top && a.top < b.bottom
      };
    });
    if (at.inside) continue;
    seen.add(at.name);
    expect(at.under, at.name).toBe(false);
  }
  expect(seen.size, 'the page can be reached').toBeGreaterThan(10);
});

test('larger it is before the page, and nothing else can be reached', async ({ page }) => {
  await start(page);
  await expect(room(page)).toBeVisible();
  await dialog(page).getByRole('button', { name: 'Make it large' }).click();
  expect((await dialog(page).boundingBox())!.width).toBeGreaterThan(900);
  for (let i = 0; i < 8; i++) {
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => !!document.activeElement?.closest('[role=dialog]'))).toBe(true);
  }
  await expect(page.locator('main')).toHaveAttribute('inert');
  await dialog(page).getByRole('button', { name: 'Back to the corner' }).click();
  await expect(page.locator('main')).not.toHaveAttribute('inert');
  await expect(room(page).contentFrame().locator('#state'), 'the same call').toHaveText('Connected');
});

test('small, it talks on in a tile, and asks where it can be read', async ({ page }) => {
  await start(page);
  await expect(room(page).contentFrame().locator('#state')).toHaveText('Connected');
  await dialog(page).getByRole('button', { name: 'Make it small' }).click();
  expect((await dialog(page).boundingBox())!.width).toBeLessThan(240);
  await expect(room(page)).toBeVisible();
  await dialog(page).getByRole('button', { name: 'Close video chat' }).click();
  await page.getByRole('button', { name: 'Keep talking' }).click();
  expect((await dialog(page).boundingBox())!.width).toBe(380);
  expect(await sandbox.ended()).toBe(0);
});

test('a link asks first', async ({ page, context }) => {
  await start(page);
  await expect(room(page)).toBeVisible();
  const link = page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Pricing' });

  await link.click();
  await page.getByRole('button', { name: 'Keep talking' }).click();
  await expect(page).toHaveURL('/');
  await expect(room(page)).toBeVisible();

  await link.click();
  const [tab] = await Promise.all([context.waitForEvent('page'), page.getByRole('link', { name: 'Open in a new tab' }).click()]);
  await expect(tab).toHaveURL('/pricing');
  await tab.close();
  await expect(room(page)).toBeVisible();
  expect(await sandbox.ended()).toBe(0);

  await link.click();
  await page.getByRole('button', { name: 'End and go' }).click();
  await expect(page).toHaveURL('/pricing');
  await expect.poll(() => sandbox.ended()).toBe(1);
});

for (const [width, height] of [
  [320, 256],
  [640, 360],
  [1280, 720]
] as const) {
  test(`in a window of ${width} × ${height} two thirds of the height are the picture's`, async ({ page }) => {
    await page.setViewportSize({ width, height });
    await start(page);
    await expect(room(page)).toBeVisible();
    const picture = (await room(page).boundingBox())!;
    const box = (await dialog(page).boundingBox())!;
    expect(picture.height / box.height).toBeGreaterThan(0.66);
    await expect(dialog(page).getByRole('button', { name: 'End conversation' })).toBeInViewport();
    await dialog(page).getByRole('button', { name: 'End conversation' }).click();
    await expect(dialog(page).getByText('Thank you for the talk.')).toBeFocused();
  });
}

test('leaving the page ends the conversation', async ({ page }) => {
  await start(page);
  await expect(room(page)).toBeVisible();
  await page.goto('/about');
  await expect.poll(() => sandbox.ended()).toBe(1);
});

test('closing while the room is being made ends it as well', async ({ page }) => {
  await sandbox.fault({ kind: 'delay', ms: 1500, times: 1 });
  await start(page);
  await expect(dialog(page).getByText('Preparing your room')).toBeVisible();
  // who closes before the other tabs were asked has asked for no room at all
  await expect.poll(async () => (await sandbox.calls()).length).toBe(1);
  await page.keyboard.press('Escape');
  await expect(dialog(page)).toBeHidden();
  // as soon as the answer is there
  await expect.poll(() => sandbox.ended()).toBe(1);
});

test('too many requests: counted down from Retry-After', async ({ page, request, visitor }) => {
  await page.goto('/');
  const answers = [];
  for (let i = 0; i < 6; i++) {
    answers.push((await request.post('/api/tavus/create-conversation', { data: {}, headers: { 'X-Forwarded-For': visitor } })).status());
  }
  expect(answers).toEqual([200, 200, 200, 200, 200, 429]);

  await page.clock.install();
  await opener(page).click();
  await begin(page).click();
  await expect(dialog(page).getByRole('heading', { name: 'Too many requests' })).toBeFocused();
  await expect(dialog(page).locator('[data-countdown]')).toHaveText(/You can try again in \d+ seconds?\./);
  const again = dialog(page).getByRole('button', { name: 'Try Again' });
  await expect(again).toBeDisabled();
  await page.clock.fastForward(13_000);
  await expect(again).toBeEnabled();
  await expect(dialog(page).locator('[data-countdown]')).toBeHidden();
});

test('at capacity, and no line: none is pretended', async ({ page }) => {
  await page.route('**/api/tavus/create-conversation', (r) =>
    r.fulfill({
      status: 503,
      headers: { 'Content-Type': 'application/problem+json', 'Retry-After': '10' },
      json: { title: 'At capacity', status: 503, code: 'at_capacity', request_id: 'ffff' }
    })
  );
  await page.clock.install();
  await start(page);
  await expect(dialog(page).getByRole('heading', { name: 'All agents are in conversation' })).toBeVisible();
  await expect(dialog(page)).not.toContainText(/in line|queue/);
  await expect(dialog(page).getByRole('link', { name: 'Leave a message' })).toHaveAttribute('href', '/contact');

  await page.unroute('**/api/tavus/create-conversation');
  await page.clock.fastForward(3_600_000);
  await dialog(page).getByRole('button', { name: 'Try Again' }).click();
  await expect(room(page)).toBeVisible();
});

test('unavailable: says so, offers contact, and tries again by itself, once', async ({ page }) => {
  await sandbox.fault({ kind: 'status', status: 401, body: { message: 'Invalid access token' } });
  await page.clock.install();
  await start(page);
  const title = dialog(page).getByRole('heading', { name: 'Video service temporarily unavailable' });

  await expect(title).toBeVisible();
  await expect(dialog(page).getByRole('link', { name: 'Leave a message' })).toBeVisible();
  await expect(dialog(page).locator('[data-countdown]')).toHaveText(/Trying again by itself in \d+ seconds\./);
  await expect(dialog(page)).not.toContainText('access token');
  const creates = async () => (await sandbox.calls()).filter((c) => c.method === 'POST' && c.path === '/v2/conversations').length;
  expect(await creates()).toBe(1);

  await page.clock.fastForward(61_000);
  await expect.poll(creates).toBe(2);
  await expect(title).toBeVisible();
  await expect(dialog(page).locator('[data-countdown]')).toHaveText(/You can try again/);
  await page.clock.fastForward(120_000);
  await expect(dialog(page).getByRole('button', { name: 'Try Again' })).toBeEnabled();
  expect(await creates(), 'once').toBe(2);
});

test('unavailable, and back: the retry leads into the room', async ({ page }) => {
  await sandbox.fault({ kind: 'status', status: 401, times: 1 });
  await page.clock.install();
  await start(page);
  await expect(dialog(page).getByRole('heading', { name: 'Video service temporarily unavailable' })).toBeVisible();
  await page.clock.fastForward(61_000);
  await expect(room(page)).toBeVisible();
});

test('an error upstream: Try Again, and no retry by itself', async ({ page }) => {
  await sandbox.fault({ kind: 'status', status: 500, times: 1 });
  await start(page);
  await expect(dialog(page).getByRole('heading', { name: 'Video service temporarily unavailable' })).toBeVisible();
  await expect(dialog(page).locator('[data-countdown]')).toBeHidden();
  await dialog(page).getByRole('button', { name: 'Try Again' }).click();
  await expect(room(page)).toBeVisible();
});

test('no connection', async ({ page }) => {
  await page.route('**/api/tavus/create-conversation', (r) => r.abort());
  await start(page);
  await expect(dialog(page).getByRole('heading', { name: 'No connection' })).toBeVisible();
  await page.unroute('**/api/tavus/create-conversation');
  await dialog(page).getByRole('button', { name: 'Try Again' }).click();
  await expect(room(page)).toBeVisible();
});

test('a weak line is offered sound alone', async ({ page }) => {
  await page.addInitScript(() => {
    Object.defineProperty(navigator, 'connection', { value: { effectiveType: '2g', downlink: 0.2, saveData: false } });
  });
  await page.goto('/');
  await opener(page).click();
  await expect(dialog(page).getByText('Your connection looks weak')).toBeVisible();
  await expect(dialog(page).getByLabel('Audio only')).toBeChecked();
  await begin(page).click();
  await expect(room(page)).toHaveAttribute('allow', 'microphone; autoplay');
});

test.describe('without devices', () => {
  test('can be listened to', async ({ page }) => {
    await page.addInitScript(() => {
      navigator.mediaDevices.enumerateDevices = () => Promise.resolve([]);
    });
    await page.goto('/');
    await opener(page).click();
    await expect(dialog(page).getByText('No microphone: you can listen and type')).toBeVisible();
    await begin(page).click();
    await expect(room(page)).toBeVisible();
  });
});

test('on a phone the widget fills the lower part, and everything fits', async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 640 });
  await start(page, '/demos');
  await expect(room(page)).toBeVisible();
  const box = (await dialog(page).boundingBox())!;
  expect(box.width).toBe(360);
  expect(box.y + box.height).toBeLessThanOrEqual(641);
  await expect(dialog(page).getByRole('button', { name: 'End conversation' })).toBeInViewport();
});
