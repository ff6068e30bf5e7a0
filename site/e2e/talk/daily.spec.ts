import type { Page } from '@playwright/test';

import { heard, ROOM, standIn, tell } from '../call-machine';
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
    kind: 'status', status: 200, times: 1,
    body: { conversation_id: id, conversation_url: ROOM, status: 'active', conversation_name: 'x' }
  });
});

async function enter(page: Page, audioOnly = false): Promise<void> {
  await page.goto('/');
  await page.getByRole('button', { name: 'Open video chat' }).click();
  await dialog(page).getByLabel('Audio only').setChecked(audioOnly);
  await dialog(page).getByRole('button', { name: 'Start conversation' }).click();
  await expect(dialog(page).getByRole('button', { name: 'Leave Call' })).toBeVisible();
  await expect.poll(async () => (await heard(page, 'join-meeting')).length, 'the room is joined').toBe(1);
}

interface Stored { event_type: string; source: string; data: Record<string, unknown> }

async function stored(page: Page): Promise<Stored[]> {
  const response = await page.request.get(`/api/admin/events?conversation_id=${id}&source=browser&limit=100`);
  return ((await response.json()) as { events: Stored[] }).events;
}

test('what is said in the room is passed on to the server, and nothing else of it', async ({ page, watch }) => {
  await standIn(page);
  await enter(page);
  expect((await heard(page, 'join-meeting'))[0]!.properties).toMatchObject({ url: ROOM, dailyConfig: { avoidEval: true } });

  const say = (event_type: string, seq: number, properties: object) => tell(page, {
    action: 'app-message', fromId: 'agent', data: { message_type: 'conversation', event_type, conversation_id: id, seq, properties }
  });
  await say('conversation.utterance', 1, { role: 'user', speech: 'Do you take walk-ins?' });
  await say('conversation.replica.started_speaking', 2, {});
  await say('conversation.utterance.streaming', 3, { role: 'replica', speech: 'We' });
  await say('conversation.utterance', 4, { role: 'replica', speech: 'We do, until noon.' });
  await say('conversation.perception_tool_call', 5, { name: 'notice_id_card', arguments: { side: 'front' }, modality: 'vision', frames: ['x'.repeat(30_000)] });

  await expect.poll(async () => (await stored(page)).map((e) => e.event_type).filter((t) => t.startsWith('conversation.')).sort())
    .toEqual(['conversation.perception_tool_call', 'conversation.utterance', 'conversation.utterance']);

  const events = await stored(page);
  const said = events.filter((e) => e.event_type === 'conversation.utterance').map((e) => e.data);
  expect(said.map((p) => [p.seq, p.role, p.speech]).sort()).toEqual([[1, 'user', 'Do you take walk-ins?'], [4, 'replica', 'We do, until noon.']]);
  const tool = events.find((e) => e.event_type === 'conversation.perception_tool_call')!.data;
  expect(tool).toMatchObject({ name: 'notice_id_card', arguments: { side: 'front' }, modality: 'vision', seq: 5 });
  expect(tool, 'pictures stay in the room').not.toHaveProperty('frames');

  await dialog(page).getByRole('button', { name: 'Leave Call' }).click();
  await expect(dialog(page).getByText('Thank you for the talk.')).toBeFocused();
  await expect.poll(() => sandbox.ended(), 'ended at Tavus').toBe(1);
  await expect.poll(() => heard(page, 'leave-meeting'), 'the room is left').not.toEqual([]);
  expect(watch.foreign.every((url) => new URL(url).hostname.endsWith('.daily.co'))).toBe(true);
});

test('a line that becomes weak is offered sound alone', async ({ page }) => {
  await standIn(page);
  await enter(page);
  const offer = dialog(page).getByRole('button', { name: 'Go on with sound only' });
  const quality = (state: string) => tell(page, { action: 'network-quality-change', state: { state, reasons: [] }, threshold: state === 'bad' ? 'very-low' : 'good', quality: 20 });

  await quality('warning');
  await expect(offer).toBeHidden();
  await quality('bad');
  await offer.click();
  await expect(offer).toBeHidden();

  await expect.poll(() => heard(page, 'local-video'), 'the camera is switched off').toMatchObject([{ state: false }]);
  await expect.poll(() => heard(page, 'daily-method-subscribe-to-tracks-automatically'), 'no track comes by itself')
    .toMatchObject([{ enabled: false }]);
  await expect.poll(() => heard(page, 'update-participant'), 'the agent is only heard')
    .toMatchObject([{ id: 'agent', properties: { setSubscribedTracks: { audio: true, video: false } } }]);
});

for (const replica of ['there', 'late'] as const) {
  test(`sound alone from the start, the agent ${replica === 'there' ? 'there before' : 'coming after'}`, async ({ page }) => {
    await standIn(page, replica);
    await enter(page, true);
    expect((await heard(page, 'join-meeting'))[0]!.properties).toMatchObject({ subscribeToTracksAutomatically: false, videoSource: false });
    await expect.poll(() => heard(page, 'update-participant'), 'the agent is heard')
      .toMatchObject([{ id: 'agent', properties: { setSubscribedTracks: { audio: true, video: false } } }]);
  });
}

test.describe('a call that breaks down', () => {
  test.use({ strict: false });

  test('is no good end, and nobody else hears of it', async ({ page, watch }) => {
    await standIn(page);
    await enter(page);
    await tell(page, { action: 'error', errorMsg: 'Meeting has ended', error: { type: 'end-of-life', msg: 'x' } });
    await expect(dialog(page).getByRole('heading', { name: 'The room could not be opened' })).toBeFocused();
    await expect.poll(() => sandbox.ended(), 'ended at Tavus').toBe(1);
    await dialog(page).getByRole('button', { name: 'Try Again' }).click();
    await expect(page.locator('iframe')).toBeVisible();
    // daily-js would report it to a service of its makers
    expect(watch.violations.every((v) => /^connect-src https:\/\/[^/]*sentry\.io/.test(v)), watch.violations.join()).toBe(true);
  });
});
