import type { Page } from '@playwright/test';

import { heard, joinedAt, ROOM, standIn, tell, tellAgent } from '../call-machine';
import { ADMIN, expect, Sandbox, test } from '../fixtures';

test.use({ httpCredentials: { ...ADMIN, send: 'unauthorized' } });

const dialog = (page: Page) => page.getByRole('dialog', { name: 'Video chat' });

let sandbox: Sandbox;
let id: string;

// A conversation whose room is at Daily.
test.beforeEach(async ({ request }) => {
  sandbox = new Sandbox(request);
  await sandbox.reset();
  id = `c0ffee${Date.now().toString(16)}`;
  await sandbox.fault({
    kind: 'status',
    status: 200,
    times: 1,
    body: { conversation_id: id, conversation_url: ROOM, status: 'active', conversation_name: 'x' }
  });
});

async function enter(page: Page, audioOnly = false): Promise<void> {
  await page.goto('/');
  await page.getByRole('button', { name: 'Open video chat' }).click();
  await dialog(page).getByLabel('Audio only').setChecked(audioOnly);
  await dialog(page).getByRole('button', { name: 'Start conversation' }).click();
  await expect(dialog(page).getByRole('button', { name: 'End conversation' })).toBeVisible();
  await expect.poll(async () => (await heard(page, 'join-meeting')).length, 'the room is joined').toBe(1);
}

interface Stored {
  event_type: string;
  source: string;
  data: Record<string, unknown>;
}

async function stored(page: Page): Promise<Stored[]> {
  const response = await page.request.get(`/api/admin/events?conversation_id=${id}&source=browser&limit=100`);
  return ((await response.json()) as { events: Stored[] }).events;
}

test('what is said in the room is passed on to the server, and nothing else of it', async ({ page, watch }) => {
  await standIn(page);
  await enter(page);
  expect((await heard(page, 'join-meeting'))[0]!.properties).toMatchObject({ url: ROOM, dailyConfig: { avoidEval: true } });

  const say = (event_type: string, seq: number, properties: object) =>
    tell(page, {
      action: 'app-message',
      fromId: 'agent',
      data: { message_type: 'conversation', event_type, conversation_id: id, seq, properties }
    });
  await say('conversation.utterance', 1, { role: 'user', speech: 'Do you take walk-ins?' });
  await say('conversation.replica.started_speaking', 2, {});
  await say('conversation.utterance.streaming', 3, { role: 'replica', speech: 'We' });
  await say('conversation.utterance', 4, { role: 'replica', speech: 'We do, until noon.' });
  await say('conversation.perception_tool_call', 5, { name: 'notice_id_card', arguments: { side: 'front' }, modality: 'vision', frames: ['x'.repeat(30_000)] });

  await expect
    .poll(async () =>
      (await stored(page))
        .map((e) => e.event_type)
        .filter((t) => t.startsWith('conversation.'))
        .sort()
    )
    .toEqual(['conversation.perception_tool_call', 'conversation.utterance', 'conversation.utterance']);

  const events = await stored(page);
  const said = events.filter((e) => e.event_type === 'conversation.utterance').map((e) => e.data);
  expect(said.map((p) => [p.seq, p.role, p.speech]).sort()).toEqual([
    [1, 'user', 'Do you take walk-ins?'],
    [4, 'replica', 'We do, until noon.']
  ]);
  const tool = events.find((e) => e.event_type === 'conversation.perception_tool_call')!.data;
  expect(tool).toMatchObject({ name: 'notice_id_card', arguments: { side: 'front' }, modality: 'vision', seq: 5 });
  expect(tool, 'pictures stay in the room').not.toHaveProperty('frames');

  await dialog(page).getByRole('button', { name: 'End conversation' }).click();
  await expect(dialog(page).getByText('Thank you for the talk.')).toBeFocused();
  await expect.poll(() => sandbox.ended(), 'ended at Tavus').toBe(1);
  await expect.poll(() => heard(page, 'leave-meeting'), 'the room is left').not.toEqual([]);
  expect(watch.foreign.every((url) => new URL(url).hostname.endsWith('.daily.co'))).toBe(true);
});

test('a line that becomes weak is offered sound alone', async ({ page }) => {
  await standIn(page);
  await enter(page);
  const offer = dialog(page).getByRole('button', { name: 'Go on with sound only' });
  const quality = (state: string) =>
    tell(page, { action: 'network-quality-change', state: { state, reasons: [] }, threshold: state === 'bad' ? 'very-low' : 'good', quality: 20 });

  await quality('warning');
  await expect(offer).toBeHidden();
  await quality('bad');
  await offer.click();
  await expect(offer).toBeHidden();

  await expect.poll(() => heard(page, 'local-video'), 'the camera is switched off').toMatchObject([{ state: false }]);
  await expect.poll(() => heard(page, 'daily-method-subscribe-to-tracks-automatically'), 'no track comes by itself').toMatchObject([{ enabled: false }]);
  await expect
    .poll(() => heard(page, 'update-participant'), 'the agent is only heard')
    .toMatchObject([{ id: 'agent', properties: { setSubscribedTracks: { audio: true, video: false } } }]);
});

for (const replica of ['there', 'late'] as const) {
  test(`sound alone from the start, the agent ${replica === 'there' ? 'there before' : 'coming after'}`, async ({ page }) => {
    await standIn(page, replica);
    await enter(page, true);
    expect((await heard(page, 'join-meeting'))[0]!.properties).toMatchObject({ subscribeToTracksAutomatically: false, videoSource: false });
    await expect
      .poll(() => heard(page, 'update-participant'), 'the agent is heard')
      .toMatchObject([{ id: 'agent', properties: { setSubscribedTracks: { audio: true, video: false } } }]);
  });
}

test.describe('nobody comes', () => {
  const absent = (page: Page) => dialog(page).getByRole('heading', { name: 'The agent did not come' });

  test('after 20 s the call is ended, to be tried again', async ({ page }) => {
    await page.clock.install();
    await standIn(page, 'never');
    await enter(page);
    await expect(dialog(page).getByRole('status').filter({ hasText: 'The agent is on its way.' })).toBeVisible();
    await page.clock.pauseAt((await joinedAt(page)) + 19_900);
    await expect(dialog(page).getByRole('status').filter({ hasText: 'The agent is on its way.' })).toBeVisible();
    await page.clock.runFor(2_000);
    await page.clock.resume();
    await expect(absent(page)).toBeFocused();
    await expect(dialog(page).getByRole('link', { name: 'Leave a message' })).toBeVisible();
    await expect.poll(() => sandbox.ended(), 'ended at Tavus').toBe(1);
    await expect.poll(() => heard(page, 'leave-meeting'), 'the room is left').not.toEqual([]);
    await dialog(page).getByRole('button', { name: 'Try Again' }).click();
    await expect(page.locator('iframe')).toBeVisible();
  });

  test('but at the last moment', async ({ page }) => {
    await page.clock.install();
    await standIn(page, 'never');
    await enter(page);
    await page.clock.pauseAt((await joinedAt(page)) + 19_900);
    await tellAgent(page, 'participant-joined');
    await expect(dialog(page).getByText('You are in the room.')).toBeVisible();
    await page.clock.resume();
    await page.clock.fastForward(90_000);
    await expect(dialog(page).getByText('You are in the room.')).toBeVisible();
    expect(await sandbox.ended()).toBe(0);
  });

  test('and the visitor closes the dialog: ended once', async ({ page }) => {
    await page.clock.install();
    await standIn(page, 'never');
    await enter(page);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'End and close' }).click();
    await expect(dialog(page)).toBeHidden();
    await expect.poll(() => sandbox.ended()).toBe(1);
    await page.clock.fastForward(90_000);
    await expect(dialog(page)).toBeHidden();
    expect(await sandbox.ended()).toBe(1);
  });
});

const over = async (page: Page, why: string) => {
  await expect(dialog(page).getByText('Thank you for the talk.')).toBeFocused();
  await expect(dialog(page).locator('[data-why]')).toContainText(why);
  await expect.poll(() => sandbox.ended(), 'ended at Tavus').toBe(1);
};

test('the agent leaves', async ({ page }) => {
  await standIn(page);
  await enter(page);
  await expect(dialog(page).getByText('You are in the room.')).toBeVisible();
  await tellAgent(page, 'participant-left');
  await over(page, 'The agent has left the room.');
});

test('the agent leaves, and comes back', async ({ page }) => {
  await page.clock.install();
  await standIn(page);
  await enter(page);
  await expect(dialog(page).getByText('You are in the room.')).toBeVisible();
  await tellAgent(page, 'participant-left');
  await expect(dialog(page).getByText('Reconnecting…').first()).toBeVisible();
  await tellAgent(page, 'participant-joined');
  await expect(dialog(page).getByText('Reconnecting…')).toBeHidden();
  await page.clock.fastForward(10_000);
  await expect(dialog(page).getByRole('button', { name: 'End conversation' })).toBeVisible();
  expect(await sandbox.ended()).toBe(0);
});

test('a page that the browser froze goes on with the call', async ({ page, context }) => {
  await standIn(page);
  await enter(page);
  await expect(dialog(page).getByText('You are in the room.')).toBeVisible();
  const browser = await context.newCDPSession(page);
  await browser.send('Page.setWebLifecycleState', { state: 'frozen' });
  await browser.send('Page.setWebLifecycleState', { state: 'active' });
  await expect(dialog(page).getByRole('button', { name: 'End conversation' })).toBeVisible();
  expect(await sandbox.ended()).toBe(0);
  await dialog(page).getByRole('button', { name: 'End conversation' }).click();
  await over(page, '');
});

test.describe('the way to Daily is blocked', () => {
  test.use({ strict: false });

  test('is told, and the call is ended', async ({ page }) => {
    await page.clock.install();
    await standIn(page);
    await page.route('https://*.daily.co/**', (route) => route.abort('blockedbyclient'));
    await page.goto('/');
    await page.getByRole('button', { name: 'Open video chat' }).click();
    await dialog(page).getByRole('button', { name: 'Start conversation' }).click();
    await expect(dialog(page).getByRole('button', { name: 'End conversation' })).toBeVisible();
    await page.clock.runFor(61_000);
    await expect(dialog(page).getByRole('heading', { name: 'The room could not be opened' })).toBeFocused();
    await expect(dialog(page).getByRole('link', { name: 'Leave a message' })).toBeVisible();
    await expect.poll(() => sandbox.ended(), 'ended at Tavus').toBe(1);
  });
});

test('the room is left without anybody pressing a button', async ({ page }) => {
  await standIn(page);
  await enter(page);
  await tell(page, { action: 'left-meeting' });
  await over(page, 'The conversation has ended.');
});

test.describe('a call that is ended from outside', () => {
  test.use({ strict: false });

  for (const [type, why] of [
    ['ejected', 'ended from the other side'],
    ['exp-room', 'The time for this conversation is over.'],
    ['exp-token', 'The time for this conversation is over.']
  ] as const) {
    test(type, async ({ page }) => {
      await standIn(page);
      await enter(page);
      await tell(page, { action: 'error', errorMsg: 'x', error: { type, msg: 'x' } });
      await over(page, why);
    });
  }
});

test.describe('a call that breaks down', () => {
  test.use({ strict: false });

  // all that daily-js has, but those above
  for (const type of ['nbf-room', 'nbf-token', 'no-room', 'meeting-full', 'not-allowed', 'connection-error', 'of-a-later-version']) {
    test(`by ${type}`, async ({ page }) => {
      await standIn(page);
      await enter(page);
      await tell(page, { action: 'error', errorMsg: 'x', error: { type, msg: 'x' } });
      await expect(dialog(page).getByRole('heading', { name: 'The room could not be opened' })).toBeFocused();
      await expect.poll(() => sandbox.ended(), 'ended at Tavus').toBe(1);
    });
  }

  test('is no good end, and nobody else hears of it', async ({ page, watch }) => {
    await standIn(page);
    await enter(page);
    await tell(page, { action: 'error', errorMsg: 'Meeting has ended', error: { type: 'end-of-life', msg: 'x' } });
    await expect(dialog(page).getByRole('heading', { name: 'The room could not be opened' })).toBeFocused();
    await expect.poll(() => sandbox.ended(), 'ended at Tavus').toBe(1);
    await dialog(page).getByRole('button', { name: 'Try Again' }).click();
    await expect(page.locator('iframe')).toBeVisible();
    // daily-js would report it to a service of its makers
    expect(
      watch.violations.every((v) => /^connect-src https:\/\/[^/]*sentry\.io/.test(v)),
      watch.violations.join()
    ).toBe(true);
  });
});
