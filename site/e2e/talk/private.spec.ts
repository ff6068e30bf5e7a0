import type { Page } from '@playwright/test';

import { heard, ROOM, standIn } from '../call-machine';
import { expect, Sandbox, test } from '../fixtures';

// Healthcare has private rooms: the page gets a token, and nothing else does.

const PATH = '/demos/healthcare';

let sandbox: Sandbox;

test.beforeEach(async ({ request }) => {
  sandbox = new Sandbox(request);
  await sandbox.reset();
});

interface Sent {
  urls: string[];
  bodies: string[];
}

function listen(page: Page): Sent {
  const sent: Sent = { urls: [], bodies: [] };

  page.on('request', (r) => {
    sent.urls.push(r.url(), ...Object.values(r.headers()));
    sent.bodies.push(r.postData() ?? '');
  });
  page.on('websocket', (s) => sent.urls.push(s.url()));
  page.on('framenavigated', (f) => sent.urls.push(f.url()));
  return sent;
}

async function start(page: Page): Promise<{ token: string; url: string }> {
  await page.goto(PATH);
  const [response] = await Promise.all([
    page.waitForResponse((r) => r.url().endsWith('/api/tavus/create-conversation')),
    page.getByRole('button', { name: 'Start Video Demo' }).click()
  ]);
  const created = (await response.json()) as { meeting_token: string; conversation_url: string };

  expect(created.meeting_token).toBeTruthy();
  return { token: created.meeting_token, url: created.conversation_url };
}

async function untold(page: Page, sent: Sent, token: string): Promise<void> {
  expect(
    sent.urls.filter((u) => u.includes(token)),
    'in no address'
  ).toEqual([]);
  expect(
    sent.bodies.filter((b) => b.includes(token)),
    'told to nobody'
  ).toEqual([]);
  expect(await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, history.state])), 'kept nowhere').not.toContain(
    token
  );
  expect(await page.content(), 'not in the page').not.toContain(token);
}

test('the room is entered with the token, which stands in no address', async ({ page }) => {
  const sent = listen(page);
  const { token } = await start(page);
  const frame = page.locator('iframe').contentFrame();

  await expect(frame.locator('#state')).toHaveText('Connected');
  await expect(frame.locator('#lines li').first()).toBeVisible();
  await page.getByRole('button', { name: 'End conversation' }).click();
  await expect(page.getByText('Thank you for the talk.')).toBeFocused();
  await expect.poll(() => sandbox.ended()).toBe(1);
  await untold(page, sent, token);
});

test('who has only the address stays outside', async ({ page, context }) => {
  const { url } = await start(page);
  await expect(page.locator('iframe').contentFrame().locator('#state')).toHaveText('Connected');

  const other = await context.newPage();
  expect((await other.goto(url))!.status()).toBe(403);
  await expect(other.locator('#state')).toHaveText('You are not allowed to join this meeting');
  await other.close();
});

test('only the room that asks is told', async ({ page }) => {
  const { token } = await start(page);
  await expect(page.locator('iframe').contentFrame().locator('#state')).toHaveText('Connected');

  // an answer would come before the last word, which is said after it
  const heardHere = await page.evaluate(
    () =>
      new Promise<string>((done) => {
        const all: unknown[] = [];
        addEventListener('message', (e) => {
          all.push(e.data);
          if ((e.data as { room?: string } | null)?.room === 'door') postMessage('last', '*');
          if (e.data === 'last') done(JSON.stringify(all));
        });
        postMessage({ room: 'door' }, '*');
      })
  );
  expect(heardHere).toContain('last');
  expect(heardHere).not.toContain(token);
});

test('Daily gets it with the address, in the call to join', async ({ page }) => {
  const token = 'eyJhbGciOiJub25lIn0.the-token-of-a-test.x';
  await sandbox.fault({
    kind: 'status',
    status: 200,
    times: 1,
    body: { conversation_id: `c0ffee${Date.now().toString(16)}`, conversation_url: ROOM, status: 'active', meeting_token: token }
  });
  const sent = listen(page);

  await standIn(page, 'late', PATH);
  expect((await start(page)).token).toBe(token);
  await expect.poll(async () => (await heard(page, 'join-meeting')).length, 'the room is joined').toBe(1);
  expect((await heard(page, 'join-meeting'))[0]!.properties).toMatchObject({ url: ROOM, token });
  await expect(page.getByText('You are in the room.')).toBeVisible();
  await untold(page, sent, token);
});
