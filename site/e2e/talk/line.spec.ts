// The waiting line as a visitor sees it.  Its states are answers that the test
// gives; what is walked at the end is the real one.

import AxeBuilder from '@axe-core/playwright';
import type { Page, Request, Route } from '@playwright/test';

import { BASE, expect, Sandbox, test } from '../fixtures';

const CREATE = '**/api/tavus/create-conversation';
const QUEUE = '**/api/tavus/queue';

const opener = (page: Page) => page.getByRole('button', { name: 'Open video chat' });
const dialog = (page: Page) => page.getByRole('dialog', { name: 'Video chat' });
const begin = (page: Page) => dialog(page).getByRole('button', { name: 'Start conversation' });
const room = (page: Page) => page.locator('iframe[title="Conversation with the video agent"]');
const heading = (page: Page, name: string) => page.getByRole('heading', { name, exact: true });
const aside = (page: Page) => page.locator('[data-session] > [role=status]').first();

let sandbox: Sandbox;

test.beforeEach(async ({ request }) => {
  sandbox = new Sandbox(request);
  await sandbox.reset();
});

interface Answer {
  status?: number;
  json?: Record<string, unknown>;
  headers?: Record<string, string>;
}

const problem = (status: number, code: string, more: Record<string, unknown> = {}, after?: number): Answer => ({
  status,
  json: { type: 'about:blank', title: code, status, code, request_id: 'ffff', ...more },
  headers: { 'Content-Type': 'application/problem+json', ...(after !== undefined && { 'Retry-After': String(after) }) }
});

const place = (position: number, wait?: number): Answer => ({ status: 202, json: { status: 'pending', position, ...(wait !== undefined && { wait }) } });

// A server whose places are all taken: each ask is held until the test answers.
class Full {
  readonly asks: Record<string, unknown>[] = [];
  creates = 0;
  first: Answer = { status: 202, json: { status: 'pending', ticket: 'one', position: 3, wait: 130 } };
  private held: Route[] = [];

  async of(page: Page): Promise<this> {
    await page.route(CREATE, (route) => {
      this.creates++;
      return route.fulfill(this.first);
    });
    await page.route(QUEUE, (route) => {
      this.asks.push(route.request().postDataJSON() as Record<string, unknown>);
      this.held.push(route);
    });
    return this;
  }

  async ask(): Promise<Route> {
    await expect.poll(() => this.held.length, 'an ask is held').toBeGreaterThan(0);
    return this.held.shift()!;
  }

  // what was let go of cannot be answered
  drop(): void {
    this.held.length = 0;
  }

  async say(answer: Answer): Promise<void> {
    await (await this.ask()).fulfill(answer);
  }
}

// A conversation that there really is, for a turn that has come.
async function conversation(page: Page, visitor: string): Promise<Answer> {
  const made = await page.request.post('/api/tavus/create-conversation', { data: {}, headers: { 'X-Forwarded-For': visitor } });

  expect(made.status()).toBe(200);
  return { json: (await made.json()) as Record<string, unknown> };
}

async function start(page: Page, path = '/'): Promise<void> {
  await page.goto(path);
  await opener(page).click();
  await begin(page).click();
}

// What a screen reader is told beside the focus, each change of it.
const listen = (page: Page) =>
  page.evaluate(() => {
    const region = document.querySelector('[data-session] > [role=status]')!;
    const told: string[] = ((window as unknown as { told: string[] }).told = []);

    new MutationObserver(() => told.push(region.textContent)).observe(region, { childList: true, characterData: true, subtree: true });
  });
const told = (page: Page) => page.evaluate(() => (window as unknown as { told: string[] }).told);

test('the place in words, an estimate where there is one, and then the room', async ({ page, context, visitor }) => {
  const full = await new Full().of(page);
  const turn = await conversation(page, visitor);

  await start(page);
  await expect(heading(page, 'You are third in line.')).toBeFocused();
  await expect(page.locator('[data-wait]')).toHaveText('It should take about two minutes.');
  await expect(aside(page), 'the focus has said it').toHaveText('');
  await listen(page);

  await full.say(place(3, 110));
  await full.say(place(2));
  await expect(heading(page, 'You are second in line.')).toBeVisible();
  await expect(page.locator('[data-wait]'), 'no estimate, no word of one').toHaveCount(0);
  await full.say(place(2, 20));
  await expect(page.locator('[data-wait]')).toHaveText('It should take less than a minute.');
  await full.say(place(1));
  await expect(heading(page, 'You are next in line.')).toBeVisible();
  expect(full.asks).toEqual(full.asks.map(() => ({ ticket: 'one' })));
  expect(await page.evaluate(() => [localStorage.length, sessionStorage.length]), 'nothing is kept').toEqual([0, 0]);
  expect(await context.cookies()).toEqual([]);

  await full.say(turn);
  await expect(room(page)).toBeVisible();
  await expect(dialog(page)).toBeFocused();
  await expect.poll(() => told(page), 'changes, not polls').toEqual(['You are second in line.', 'You are next in line.', 'It is your turn. The room is open.']);
  expect(full.creates).toBe(1);
  await dialog(page).getByRole('button', { name: 'End conversation' }).click();
  await expect(heading(page, 'Thank you for the talk.')).toBeFocused();
  await expect.poll(() => sandbox.ended()).toBe(1);
});

test('a new ticket replaces the old one', async ({ page }) => {
  const full = await new Full().of(page);

  await start(page);
  await expect(heading(page, 'You are third in line.')).toBeFocused();
  await listen(page);
  await full.say({ status: 202, json: { status: 'pending', ticket: 'two' } });
  await (await full.ask()).fulfill(place(2));
  expect(full.asks).toEqual([{ ticket: 'one' }, { ticket: 'two' }]);
  await expect(heading(page, 'You are second in line.'), 'a place that is not told has not changed').toBeVisible();
  await expect.poll(() => told(page)).toEqual(['You are second in line.']);
});

// An ask that is let go of, which is how a place is given up.
const letGo = (page: Page): Promise<Request> => page.waitForEvent('requestfailed', (r) => r.url().endsWith('/api/tavus/queue'));

test('leaving the line: no more asks, and a way back', async ({ page }) => {
  const full = await new Full().of(page);

  await start(page);
  await full.ask();
  const gone = letGo(page);
  await dialog(page).getByRole('button', { name: 'Leave the line' }).click();
  await gone;
  await expect(heading(page, 'You have left the line.')).toBeFocused();
  expect(full.asks.length).toBe(1);

  // the place is still there: the same ticket, and no other create
  await dialog(page).getByRole('button', { name: 'Get in line again' }).click();
  await expect(heading(page, 'You are third in line.')).toBeFocused();
  await full.say(place(2));
  await expect(heading(page, 'You are second in line.')).toBeVisible();
  expect(full.asks.slice(0, 2)).toEqual([{ ticket: 'one' }, { ticket: 'one' }]);
  expect(full.creates).toBe(1);

  // it is not: a new one
  await dialog(page).getByRole('button', { name: 'Leave the line' }).click();
  full.first = { status: 202, json: { status: 'pending', ticket: 'two', position: 14 } };
  full.drop();
  await dialog(page).getByRole('button', { name: 'Get in line again' }).click();
  await full.say(problem(410, 'ticket_expired'));
  await expect(heading(page, 'You are number 14 in line.')).toBeVisible();
  await full.ask();
  expect(full.asks.at(-1)).toEqual({ ticket: 'two' });
  expect(full.creates).toBe(2);
});

test('closing the widget leaves the line', async ({ page }) => {
  const full = await new Full().of(page);

  await start(page);
  await full.ask();
  const gone = letGo(page);
  await page.keyboard.press('Escape');
  await gone;
  await expect(dialog(page)).toBeHidden();
  await expect(opener(page)).toBeFocused();
  expect(full.asks.length).toBe(1);

  // and the next one is not kept from starting
  await opener(page).click();
  await begin(page).click();
  await expect(heading(page, 'You are third in line.')).toBeFocused();
});

test('by e-mail instead: the form knows why, and the line is left', async ({ page }) => {
  const full = await new Full().of(page);

  await page.goto('/demos/legal');
  await page.getByRole('button', { name: 'Start Video Demo' }).click();
  await expect(heading(page, 'You are third in line.')).toBeFocused();
  await full.ask();
  await page.getByRole('link', { name: 'Tell me by e-mail instead' }).click();
  await expect(page).toHaveURL('/contact?waited=legal');
  await expect(page.getByLabel('Message')).toHaveValue('I was in line for the legal agent, and would rather have an answer by e-mail. My question:\n');
  expect(full.asks.length).toBe(1);

  await page.goto('/contact?waited=nobody%20knows');
  await expect(page.getByLabel('Message')).toHaveValue('I was in line for the agent, and would rather have an answer by e-mail. My question:\n');
});

// What was answered has been taken in.
const settled = (page: Page) => page.evaluate(() => fetch('/config.json').then((r) => r.text()));

test('what passes is asked again, and said', async ({ page }) => {
  const full = await new Full().of(page);
  const later = (asks: number) =>
    expect(async () => {
      await page.clock.fastForward(5_000);
      expect(full.asks.length).toBe(asks);
    }).toPass({ intervals: [50] });

  await page.clock.install();
  await start(page);
  await expect(heading(page, 'You are third in line.')).toBeFocused();
  await page.clock.pauseAt(Date.now() + 60_000);
  await full.ask();
  full.drop();
  await later(2);
  await (await full.ask()).abort();
  await expect(page.locator('[data-cut]')).toBeVisible();
  await expect(aside(page)).toHaveText('The server does not answer at the moment. We keep trying.');
  await later(3);
  await full.say(problem(503, 'storage_unavailable', {}, 10));
  await settled(page);
  await page.clock.fastForward(9_000);
  expect(full.asks.length, 'not before it may').toBe(3);
  await later(4);
  await full.say(place(2));
  await expect(heading(page, 'You are second in line.')).toBeVisible();
  await expect(page.locator('[data-cut]')).toHaveCount(0);

  await later(5);
  await full.say(problem(429, 'rate_limited', {}, 30));
  await settled(page);
  await page.clock.fastForward(29_000);
  expect(full.asks.length, 'nor then').toBe(5);
  await expect(page.locator('[data-cut]'), 'an answer is an answer').toHaveCount(0);
  await later(6);
  await full.say({ ...place(1), headers: { 'Retry-After': '20' } });
  await expect(heading(page, 'You are next in line.')).toBeVisible();
  await page.clock.fastForward(19_000);
  expect(full.asks.length, 'a place may say so, too').toBe(6);
  await later(7);
  expect(new Set(full.asks.map((a) => a.ticket))).toEqual(new Set(['one']));
  expect(full.creates).toBe(1);
});

test('back on line it asks at once', async ({ page }) => {
  const full = await new Full().of(page);

  await page.clock.install();
  await page.clock.pauseAt(Date.now() + 60_000);
  await start(page);
  await (await full.ask()).abort();
  await expect(page.locator('[data-cut]')).toBeVisible();
  await page.evaluate(() => dispatchEvent(new Event('online')));
  await full.say(place(2));
  await expect(heading(page, 'You are second in line.')).toBeVisible();
});

test('it gives up, and says so', async ({ page }) => {
  const full = await new Full().of(page);
  let asked = 0;

  await page.route(QUEUE, (route) => {
    asked++;
    return route.abort();
  });
  await page.clock.install();
  await start(page);
  await expect(async () => {
    await page.clock.fastForward(20_000);
    await expect(heading(page, 'The line could not be reached')).toBeFocused({ timeout: 500 });
  }).toPass({ intervals: [50], timeout: 30_000 });

  const before = asked;
  expect(before).toBeGreaterThanOrEqual(8);
  await page.clock.fastForward(60_000);
  expect(asked).toBe(before);
  await dialog(page).getByRole('button', { name: 'Get in line again' }).click();
  await expect(heading(page, 'You are third in line.')).toBeFocused();
  expect(full.creates).toBe(2);
});

const ENDS: [string, Answer, string, string | undefined][] = [
  ['a ticket that has lapsed', problem(410, 'ticket_expired'), 'Your place in line is gone', 'Get in line again'],
  ['a forged ticket', problem(401, 'invalid_ticket'), 'Your place in line is not known here', 'Get in line again'],
  ['a ticket of somebody else', problem(403, 'foreign_ticket'), 'Your place in line is not known here', 'Get in line again'],
  ['the day is spent', problem(503, 'budget_spent', { reason: 'day' }, 40_000), 'No more conversations today', undefined],
  ['the minutes are spent', problem(503, 'budget_spent', { reason: 'minutes' }, 40_000), 'No more conversations today', undefined],
  ['the visitor has had theirs', problem(503, 'budget_spent', { reason: 'visitor' }, 40_000), 'That was all for today', undefined],
  ['no word of why, and for long', problem(503, 'budget_spent', {}, 40_000), 'No more conversations today', undefined],
  ['the line is full', problem(503, 'budget_spent', { reason: 'line_full' }, 60), 'All agents are busy, and the line is full', 'Try Again'],
  ['no word of why', problem(503, 'budget_spent', {}, 60), 'All agents are busy, and the line is full', 'Try Again'],
  ['at capacity', problem(503, 'at_capacity', {}, 10), 'All agents are in conversation', 'Try Again'],
  ['of another on this connection', problem(503, 'at_capacity', { reason: 'address' }, 10), 'Somebody is in line from here already', 'Try Again'],
  ['Tavus failed', problem(502, 'upstream_error'), 'Video service temporarily unavailable', 'Try Again']
];

for (const [what, answer, title, next] of ENDS) {
  test(`in words, and with a next step: ${what}`, async ({ page }) => {
    const full = await new Full().of(page);

    await page.clock.install();
    await start(page);
    await full.say(answer);
    await expect(heading(page, title)).toBeFocused();
    await expect(dialog(page).getByRole('link', { name: 'Leave a message' })).toBeVisible();
    if (next === undefined) {
      await expect(dialog(page).getByText(/You can try again from \d+:\d\d [AP]M( tomorrow)? on\./)).toBeVisible();
      await expect(dialog(page).getByRole('button', { name: 'Try Again' })).toHaveCount(0);
      return;
    }
    await page.clock.fastForward(61_000);
    await dialog(page).getByRole('button', { name: next }).click();
    await expect(heading(page, 'You are third in line.')).toBeFocused();
    expect(full.creates).toBe(2);
  });
}

test('spent before there was a line', async ({ page }) => {
  const full = await new Full().of(page);

  full.first = problem(503, 'budget_spent', { reason: 'line_full' }, 60);
  await start(page);
  await expect(heading(page, 'All agents are busy, and the line is full')).toBeFocused();
  await expect(dialog(page).locator('[data-countdown]')).toHaveText(/You can try again in \d+ seconds/);
  expect(full.asks).toEqual([]);
});

for (const [what, late] of [
  ['the same answer', 200],
  ['a ticket that has served', 410]
] as const) {
  test(`two tabs: the room opens in one, the other says so (${what})`, async ({ page, context, visitor }) => {
    const turn = await conversation(page, visitor);
    const other = await context.newPage();
    const [here, there] = [await new Full().of(page), await new Full().of(other)];
    const ends: string[] = [];

    context.on('request', (r) => {
      if (r.url().endsWith('/end-conversation')) ends.push(r.url());
    });
    await start(page);
    await start(other);
    await expect(heading(other, 'You are third in line.')).toBeFocused();

    await here.say(turn);
    await expect(room(page)).toBeVisible();
    await there.say(late === 200 ? turn : problem(410, 'ticket_expired'));
    await expect(heading(other, 'It was your turn, in another tab')).toBeFocused();
    expect(ends, 'it is not the other’s to end').toEqual([]);
    await dialog(other).getByRole('button', { name: 'Try Again' }).click();
    await expect(heading(other, 'One conversation at a time')).toBeFocused();
    await expect(room(page)).toBeVisible();
  });
}

test('a hidden tab calls by its title, and asks for nothing', async ({ page, visitor }) => {
  await page.addInitScript(() => {
    let hidden = false;

    Object.defineProperty(Document.prototype, 'hidden', { get: () => hidden });
    Object.assign(window, {
      hide(now: boolean) {
        hidden = now;
        document.dispatchEvent(new Event('visibilitychange'));
      },
      asked: 0
    });
    Notification.requestPermission = () => {
      (window as unknown as { asked: number }).asked++;
      return Promise.resolve('denied');
    };
  });
  const full = await new Full().of(page);
  const turn = await conversation(page, visitor);
  const hide = (now: boolean) => page.evaluate((h) => (window as unknown as { hide: (h: boolean) => void }).hide(h), now);

  await start(page, '/about');
  const title = await page.title();
  await full.ask().then((route) => route.fulfill(place(1)));
  await hide(true);
  await full.say(turn);
  await expect(room(page)).toBeVisible();
  expect(await page.title()).toBe(`Your turn · ${title}`);
  await hide(false);
  expect(await page.title()).toBe(title);
  expect(await page.evaluate(() => (window as unknown as { asked: number }).asked)).toBe(0);
});

test('the camera can be tried meanwhile, and is let go', async ({ page, visitor }) => {
  const full = await new Full().of(page);
  const turn = await conversation(page, visitor);

  await page.goto('/demos/ecommerce');
  await page.getByRole('button', { name: 'Start Video Demo' }).click();
  await page.getByText('Check your devices meanwhile').click();
  await page.getByRole('button', { name: 'Test them first' }).click();
  const video = page.getByLabel('Your camera');
  await expect.poll(() => video.evaluate((v: HTMLVideoElement) => v.videoWidth)).toBeGreaterThan(0);
  const track = await video.evaluateHandle((v: HTMLVideoElement) => (v.srcObject as MediaStream).getVideoTracks()[0]!);
  await page.getByLabel('Audio only').check();

  await full.say(place(1));
  await expect(heading(page, 'You are next in line.')).toBeVisible();
  await expect(page.getByLabel('Audio only'), 'an answer leaves the focus alone').toBeFocused();
  await full.say(turn);
  await expect(room(page)).toHaveAttribute('allow', 'microphone; autoplay');
  expect(await track.evaluate((t) => t.readyState)).toBe('ended');
});

test('the browser asks for the camera, and the room opens meanwhile', async ({ page, visitor }) => {
  await page.addInitScript(() => {
    const media = MediaDevices.prototype.getUserMedia;

    MediaDevices.prototype.getUserMedia = async function ask(what) {
      const stream = await media.call(this, what);
      await new Promise((granted) => {
        Object.assign(window, { granted, stream });
      });
      return stream;
    };
  });
  const full = await new Full().of(page);
  const turn = await conversation(page, visitor);

  await start(page);
  await page.getByText('Check your devices meanwhile').click();
  await page.getByRole('button', { name: 'Test them first' }).click();
  await page.waitForFunction(() => 'granted' in window);
  await full.say(turn);
  await expect(room(page)).toBeVisible();
  await page.evaluate(() => (window as unknown as { granted: (v?: unknown) => void }).granted());
  await expect
    .poll(() => page.evaluate(() => (window as unknown as { stream: MediaStream }).stream.getTracks().map((t) => t.readyState)))
    .toEqual(['ended', 'ended']);
});

test('who asks again on this page is shown the place', async ({ page }) => {
  const full = await new Full().of(page);

  await page.goto('/demos/legal');
  await page.getByRole('button', { name: 'Start Video Demo' }).click();
  await expect(heading(page, 'You are third in line.')).toBeFocused();
  await opener(page).click();
  await expect(dialog(page)).toBeHidden();
  await expect(page.getByRole('group', { name: 'Conversation' })).toBeFocused();
  expect(full.creates).toBe(1);
});

const LOOKS = {
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  phone: { colorScheme: 'light', viewport: { width: 360, height: 640 }, isMobile: true, hasTouch: true }
} as const;

for (const [look, options] of Object.entries(LOOKS)) {
  test.describe(look, () => {
    test.use({ ...options, contextOptions: { reducedMotion: 'reduce' } });

    for (const path of ['/', '/demos/healthcare']) {
      test(`the line on ${path} is whole`, async ({ page }) => {
        const full = await new Full().of(page);

        full.first = { status: 202, json: { status: 'pending', ticket: 'one', position: 12, wait: 1500 } };
        await page.goto(path);
        if (path === '/') {
          await opener(page).click();
          await begin(page).click();
        } else await page.getByRole('button', { name: 'Start Video Demo' }).click();
        await expect(heading(page, 'You are twelfth in line.')).toBeFocused();
        await expect(page.locator('[data-wait]')).toHaveText('It should take about 25 minutes.');
        await (await full.ask()).abort();
        await expect(page.locator('[data-cut]')).toBeVisible();
        await page.getByText('Check your devices meanwhile').click();
        await expect(page.getByText('Camera found')).toBeVisible();
        await page.getByRole('button', { name: 'Leave the line' }).scrollIntoViewIfNeeded();
        await expect(page.getByRole('button', { name: 'Leave the line' })).toBeInViewport();

        const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']).analyze();
        expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(' | ')}`)).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
        expect(await page.evaluate(() => document.getAnimations().length), 'nothing moves').toBe(0);
      });
    }
  });
}

test('a real line: one talks, two wait, and are let in as they came', async ({ page, browser, visitor }) => {
  test.setTimeout(240_000);
  const others = await Promise.all(
    [1, 2].map((n) =>
      browser.newContext({
        baseURL: BASE,
        extraHTTPHeaders: { 'X-Forwarded-For': visitor.replace(/^10/, String(20 + n)) }
      })
    )
  );
  const [second, third] = [await others[0]!.newPage(), await others[1]!.newPage()];
  const creates = async () => (await sandbox.calls()).filter((c) => c.method === 'POST' && c.path === '/v2/conversations').length;

  await sandbox.configure({ max_concurrent: 1 });
  await start(page);
  await expect(room(page)).toBeVisible();

  await start(second);
  await expect(heading(second, 'You are next in line.')).toBeFocused();
  await start(third);
  await expect(heading(third, 'You are second in line.')).toBeFocused();

  await dialog(page).getByRole('button', { name: 'End conversation' }).click();
  await expect(room(second)).toBeVisible({ timeout: 60_000 });
  await expect(room(second).contentFrame().locator('#state')).toHaveText('Connected');
  await expect(heading(third, 'You are next in line.'), 'only one is let in').toBeVisible({ timeout: 60_000 });
  await expect(room(third)).toHaveCount(0);

  // a tab that goes ends its call, and makes room as well
  await second.close();
  await expect(room(third)).toBeVisible({ timeout: 60_000 });
  await dialog(third).getByRole('button', { name: 'End conversation' }).click();
  await expect.poll(() => sandbox.ended()).toBe(3);
  console.log(`${await creates()} creates for three conversations`);
  await Promise.all(others.map((c) => c.close()));
});
