// The privacy notice and what a browser does, side by side: what is kept and
// who is spoken to before an answer, after a no, a yes and a withdrawal.

import { gunzipSync } from 'node:zlib';

import type { BrowserContext, Page, Request } from '@playwright/test';

import { BASE, deployed, expect, person, Sandbox, SANDBOX, test } from '../fixtures';

interface Notice {
  kept: { name: string; where: string; when: string }[];
  hosts: string[];
}
interface Sent {
  path: string;
  body: Record<string, unknown>;
}
interface Event {
  name: string;
  properties: Record<string, unknown>;
}

const bar = (page: Page) => page.getByRole('region', { name: 'Analytics' });
const say = (page: Page, what: 'Yes' | 'No, thanks') => bar(page).getByRole('button', { name: what }).click();
const change = (page: Page) => page.getByRole('contentinfo').getByRole('button', { name: 'Analytics choices' }).click();

async function notice(page: Page): Promise<Notice> {
  await page.goto('/legal/privacy');
  return page.evaluate(() => ({
    kept: [...document.querySelectorAll<HTMLTableRowElement>('[data-kept] tr')].map((row) => ({
      name: row.querySelector('code')!.textContent,
      where: /cookie|session|local/.exec(row.cells[1]!.textContent)![0],
      when: row.dataset.when!
    })),
    hosts: [...document.querySelectorAll<HTMLElement>('[data-spoken-to] [data-host]')].map((e) => e.dataset.host!)
  }));
}

// All that is kept of this site, by where.
async function held(page: Page, context: BrowserContext): Promise<string[]> {
  const stored = await page.evaluate(async () => [
    ...Object.keys(localStorage).map((k) => `local ${k}`),
    ...Object.keys(sessionStorage).map((k) => `session ${k}`),
    ...(await indexedDB.databases()).map((d) => `database ${d.name}`),
    ...(await caches.keys()).map((k) => `cache ${k}`),
    ...(await navigator.serviceWorker.getRegistrations()).map((r) => `worker ${r.scope}`)
  ]);
  const cookies = await context.cookies(BASE);

  return [...stored, ...cookies.map((c) => `cookie ${c.name}`)].sort();
}

const named = (n: Notice, ...when: string[]) =>
  n.kept
    .filter((k) => when.includes(k.when))
    .map((k) => `${k.where} ${k.name}`)
    .sort();

// What pages send, and to whom.
async function listen(page: Page) {
  const heard = { sent: [] as Sent[], hosts: new Set<string>(), relayed: [] as Request[] };

  // a beacon's body is not shown, that of the request in its place is
  await page.addInitScript(() => {
    navigator.sendBeacon = () => false;
  });
  await page.route(`${BASE}/relay/**`, (route) => {
    heard.relayed.push(route.request());
    return route.fulfill({ json: { autocapture_opt_out: false, supportedCompression: [], featureFlags: {}, sessionRecording: false } });
  });
  page.on('request', (r) => {
    const url = new URL(r.url());
    if (/^(?:https?|wss?):/.test(url.protocol)) heard.hosts.add(url.origin === new URL(BASE).origin ? 'self' : url.origin);
    if (r.method() === 'POST' && url.pathname.startsWith('/api/')) {
      heard.sent.push({ path: url.pathname, body: r.postDataJSON() as Record<string, unknown> });
    }
  });
  return heard;
}

const events = (sent: Sent[]): Event[] => sent.filter((s) => s.path === '/api/track').flatMap((s) => s.body.events as Event[]);
const consents = (sent: Sent[]) => [...new Set(sent.filter((s) => !s.path.includes('end-conversation')).map((s) => s.body.consent))];
const sessions = (sent: Sent[]) => new Set(events(sent).map((e) => e.properties.session_id));
const users = (sent: Sent[]) =>
  new Set(sent.flatMap((s) => [s.body.user_id, ...((s.body.events as Event[] | undefined) ?? []).map((e) => e.properties.user_id)]).filter(Boolean));

// The properties of what posthog-js tells.
function captured(request: Request): Record<string, unknown> | undefined {
  const body = request.postDataBuffer();

  if (!body || !/\/relay\/(?:e|i\/v0\/e)\//.test(request.url())) return undefined;
  const json = body[0] === 0x1f ? gunzipSync(body) : body;
  return (JSON.parse(json.toString()) as { batch: { properties: Record<string, unknown> }[] }).batch[0]!.properties;
}

// A look around: pages, the look of the page, a message.
async function lookAround(page: Page, sent: Sent[], campaign = ''): Promise<void> {
  for (const path of [`/${campaign}`, '/about', '/contact']) {
    const before = events(sent).length;
    await page.goto(path);
    await expect
      .poll(() =>
        events(sent)
          .slice(before)
          .map((e) => e.name)
      )
      .toContain('page_view');
  }
  await page.getByLabel('Name').fill('Test Visitor');
  await page.getByLabel('E-mail').fill('visitor@example.com');
  await page.getByLabel('Message').fill('What do you keep of me?');
  await page.getByRole('button', { name: 'Send message' }).click();
  await expect(page.getByText('Thank you. We have it.')).toBeVisible();
  await expect.poll(() => events(sent).at(-1)?.name).toBe('generate_lead');
}

async function talk(page: Page): Promise<void> {
  await page.goto('/demos/legal');
  await page.getByRole('button', { name: 'Start Video Demo' }).click();
  await expect(page.locator('iframe')).toBeVisible();
  await page.getByRole('button', { name: 'End conversation' }).click();
  await expect(page.getByText('Thank you for the talk.')).toBeVisible();
}

test.beforeEach(async ({ request }) => new Sandbox(request).reset());

test('what the notice says is what is done', async ({ page, context, browser }) => {
  test.setTimeout(180_000);
  await person(page, browser);

  const heard = await listen(page);
  await deployed(page, { consent: true, posthog_key: 'phc_test' });
  const told = await notice(page);
  const forget = () => {
    heard.sent.length = 0;
    heard.hosts.clear();
    heard.relayed.length = 0;
  };

  expect(told.hosts).toContain('self');
  expect(told.kept.length).toBeGreaterThan(4);

  // ---- before an answer
  forget();
  await lookAround(page, heard.sent, '?utm_source=letter');
  expect(await held(page, context), 'nothing before an answer').toEqual([]);
  expect([...heard.hosts], 'nobody else').toEqual(['self']);
  expect(consents(heard.sent)).toEqual([undefined]);
  expect(users(heard.sent).size).toBe(0);
  expect(sessions(heard.sent).size, 'each page is another visit').toBe(3);
  await talk(page);
  expect(await held(page, context), 'nor after a conversation').toEqual([]);
  // the sandbox stands for the rooms of Daily
  expect([...heard.hosts].sort()).toEqual([SANDBOX, 'self'].sort());
  expect(told.hosts).toContain('*.daily.co');
  expect(heard.relayed).toEqual([]);

  // ---- no
  await page.goto('/');
  forget();
  await say(page, 'No, thanks');
  await expect(bar(page)).toBeHidden();
  await expect.poll(() => events(heard.sent).map((e) => e.name)).toContain('consent');
  await lookAround(page, heard.sent, '?utm_source=letter');
  await talk(page);
  await expect(bar(page), 'asked once').toBeHidden();
  expect(await held(page, context), 'the answer alone').toEqual(named(told, 'answer'));
  expect(consents(heard.sent.filter((s) => s.path !== '/api/track' || !(s.body.events as Event[]).some((e) => e.name === 'page_view')))).toEqual(['denied']);
  expect(users(heard.sent).size).toBe(0);
  expect(heard.relayed).toEqual([]);

  // ---- yes, as the choice is there on every page
  await page.goto('/?utm_source=letter');
  await change(page);
  await expect(bar(page)).toBeFocused();
  await expect(bar(page)).toContainText('At the moment: no.');
  forget();
  await say(page, 'Yes');
  await expect(page.getByRole('button', { name: 'Analytics choices' }), 'where it was asked for').toBeFocused();
  await expect.poll(() => events(heard.sent).map((e) => e.name)).toContain('consent');
  await lookAround(page, heard.sent);
  expect(await held(page, context)).toEqual(named(told, 'answer', 'yes'));
  await page.getByRole('button', { name: 'Dark theme' }).click();
  await talk(page);
  expect(await held(page, context)).toEqual(named(told, 'answer', 'yes', 'chosen', 'call'));
  expect([...heard.hosts].sort()).toEqual([SANDBOX, 'self'].sort());
  expect(consents(heard.sent)).toContain('granted');
  expect(
    events(heard.sent)
      .filter((e) => e.name === 'page_view')
      .every((e) => e.properties.utm_source === 'letter'),
    'the first touch stays'
  ).toBe(true);
  expect(users(heard.sent).size, 'one visitor').toBe(1);
  expect(sessions(heard.sent).size, 'one visit').toBeLessThanOrEqual(2);

  const [user] = users(heard.sent);
  await expect(async () => {
    await page.getByRole('button', { name: 'Dark theme' }).click();
    expect(
      heard.relayed.some((r) => r.method() === 'POST' && /\/relay\/(?:e|i\/v0\/e)\//.test(r.url())),
      'PostHog is told'
    ).toBe(true);
  }).toPass({ intervals: [1000], timeout: 15_000 });
  expect(await page.evaluate(() => localStorage.getItem('user_id'))).toBe(user);
  expect(await held(page, context), 'PostHog keeps nothing').toEqual(named(told, 'answer', 'yes', 'chosen', 'call'));

  // ---- withdrawn
  const last = await page.evaluate(() => sessionStorage.getItem('session_id'));
  await change(page);
  await expect(bar(page)).toContainText('At the moment: yes.');
  forget();
  await say(page, 'No, thanks');
  await expect
    .poll(() =>
      events(heard.sent)
        .filter((e) => e.name === 'consent')
        .map((e) => e.properties)
    )
    .toMatchObject([{ user_id: user, session_id: last }]);
  expect(heard.sent.at(-1)!.body.consent).toBe('denied');
  await expect.poll(() => held(page, context), 'all is forgotten').toEqual(named(told, 'answer', 'chosen'));

  forget();
  await page.getByRole('button', { name: 'Dark theme' }).click();
  await lookAround(page, heard.sent);
  await talk(page);
  expect(await held(page, context)).toEqual(named(told, 'answer', 'chosen'));
  expect(consents(heard.sent)).toEqual(['denied']);
  expect(users(heard.sent).size).toBe(0);
  expect(sessions(heard.sent).has(last)).toBe(false);
  expect(heard.relayed, 'PostHog hears no more').toEqual([]);

  // ---- and yes again: somebody new
  await page.goto('/legal/privacy');
  await page.getByRole('button', { name: 'Change your answer' }).click();
  await say(page, 'Yes');
  await expect.poll(() => page.evaluate(() => localStorage.getItem('user_id'))).toMatch(/^[0-9a-f-]{36}$/);
  expect(await page.evaluate(() => localStorage.getItem('user_id'))).not.toBe(user);
});

test('a withdrawal counts in other tabs', async ({ page, context }) => {
  await deployed(page, { consent: true });
  await page.goto('/');
  await say(page, 'Yes');

  const other = await context.newPage();
  await deployed(other, { consent: true });
  await other.goto('/about');
  await expect(bar(other)).toBeHidden();
  await expect.poll(() => other.evaluate(() => sessionStorage.length)).toBe(1);

  await change(page);
  await say(page, 'No, thanks');
  await expect.poll(() => other.evaluate(() => [localStorage.length, sessionStorage.length])).toEqual([1, 0]);
});

test('a visit is one session at PostHog, from the server as from the browser', async ({ page, browser, request }) => {
  await person(page, browser);
  const heard = await listen(page);
  await deployed(page, { consent: true, posthog_key: 'phc_test' });
  await page.goto('/');
  await say(page, 'Yes');
  await page.goto('/about');
  await expect.poll(() => events(heard.sent).at(-1)?.name).toBe('page_view');

  const session = await page.evaluate(() => sessionStorage.getItem('session_id'));
  const user = await page.evaluate(() => localStorage.getItem('user_id'));
  const ids = { $session_id: session, distinct_id: user };

  await expect
    .poll(async () => {
      const { events } = (await (await request.get(`${SANDBOX}/_posthog`)).json()) as {
        events: { event: string; distinct_id: string; properties: Record<string, unknown> }[];
      };
      return events
        .filter((e) => e.distinct_id === user && e.event === '$pageview')
        .map((e) => ({ $session_id: e.properties.$session_id, distinct_id: e.distinct_id }));
    }, 'from the server')
    .toContainEqual(ids);

  await expect(async () => {
    await page.getByRole('button', { name: 'Dark theme' }).click();
    expect(heard.relayed.map(captured).find(Boolean), 'from the browser').toMatchObject(ids);
  }).toPass({ intervals: [1000], timeout: 15_000 });
});

test('an answer can be changed while a conversation is on', async ({ page, context }) => {
  await deployed(page, { consent: true });
  const heard = await listen(page);
  await page.goto('/demos/legal');
  await say(page, 'Yes');
  await page.getByRole('button', { name: 'Start Video Demo' }).click();
  await expect(page.locator('iframe')).toBeVisible();
  await expect.poll(() => events(heard.sent).map((e) => e.name)).toContain('video_demo_connected');

  await change(page);
  await expect(bar(page)).toBeVisible();
  await say(page, 'No, thanks');
  await expect(bar(page)).toBeHidden();
  await expect.poll(() => held(page, context)).toEqual(['local analytics_consent']);
  await page.getByRole('button', { name: 'End conversation' }).click();
  await expect(page.getByText('Thank you for the talk.')).toBeVisible();
  await expect.poll(() => events(heard.sent).at(-1)?.name).toBe('video_demo_ended');
  expect(heard.sent.filter((s) => s.path === '/api/track').at(-1)!.body.consent).toBe('denied');
  expect(await held(page, context)).toEqual(['local analytics_consent']);
});

test('where nothing is sent on, nobody is asked and nothing is kept', async ({ page, context }) => {
  await deployed(page, { consent: false, posthog_key: '' });
  await page.goto('/?utm_source=letter');
  await page.goto('/about', { waitUntil: 'networkidle' });
  await expect(bar(page)).toBeHidden();
  await expect(page.getByRole('button', { name: 'Analytics choices' })).toBeHidden();
  expect(await held(page, context)).toEqual([]);
});
