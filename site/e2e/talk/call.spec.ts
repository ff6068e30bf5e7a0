import { readFileSync } from 'node:fs';

import type { Page } from '@playwright/test';

import { heard, ROOM, standIn, tell, tellAgent } from '../call-machine';
import { ADMIN, expect, Sandbox, test } from '../fixtures';

// The bar of a call, the line that says whose turn it is, and what is written down.
test.use({ httpCredentials: { ...ADMIN, send: 'unauthorized' } });

const panel = (page: Page) => page.getByRole('dialog', { name: 'Video chat' });
const button = (page: Page, name: string) => panel(page).getByRole('button', { name, exact: true });
const turn = (page: Page) => panel(page).locator('.call-bar [data-turn], .call-bar p').first();

let sandbox: Sandbox;
let id: string;

test.beforeEach(async ({ request }) => {
  sandbox = new Sandbox(request);
  await sandbox.reset();
  id = `ca11${Date.now().toString(16)}`;
  await sandbox.fault({
    kind: 'status',
    status: 200,
    times: 1,
    body: { conversation_id: id, conversation_url: ROOM, status: 'active', conversation_name: 'x' }
  });
});

async function enter(page: Page, path = '/'): Promise<void> {
  await standIn(page, 'late', path);
  await page.goto(path);
  await page.getByRole('button', { name: 'Open video chat' }).click();
  await panel(page).getByRole('button', { name: 'Start conversation' }).click();
  await expect(panel(page).getByRole('status').filter({ hasText: 'You are in the room.' })).toBeAttached();
}

const event = (page: Page, event_type: string, properties: object = {}) =>
  tell(page, {
    action: 'app-message',
    fromId: 'agent',
    data: { message_type: 'conversation', event_type, conversation_id: id, properties }
  });

test('whose turn it is, in either form of the messages', async ({ page }) => {
  await enter(page);
  // nobody has let the microphone in
  await expect(turn(page)).toContainText('You are muted');

  for (const [started, stopped] of [
    ['replica.started_speaking', 'replica.stopped_speaking'],
    ['started_speaking', 'stopped_speaking']
  ] as const) {
    await event(page, `conversation.${started}`, { role: 'pal' });
    await expect(turn(page)).toContainText('Speaking');
    await event(page, `conversation.${stopped}`, { role: 'pal' });
    await expect(turn(page)).not.toContainText('Speaking');
  }
  await event(page, 'conversation.user.started_speaking');
  await expect(turn(page)).toHaveAttribute('data-turn', 'hearing');
  await event(page, 'conversation.user.stopped_speaking');
  await expect(turn(page)).toHaveAttribute('data-turn', 'thinking');
  await event(page, 'conversation.replica.started_speaking');
  await expect(turn(page)).toHaveAttribute('data-turn', 'speaking');
  await event(page, 'conversation.replica_interrupted');
  await expect(turn(page)).toHaveAttribute('data-turn', 'listening');
});

test('how long it may go on still', async ({ page }) => {
  await enter(page);
  await expect(panel(page).locator('[data-left]')).toHaveText('10 min left');
});

for (const [what, year] of [
  ['behind', '2001'],
  ['ahead', '2041']
] as const) {
  test(`a clock that is ${what}, and steps, takes no time and gives none`, async ({ page }) => {
    await page.clock.install({ time: `${year}-01-01T00:00:00Z` });
    await enter(page);
    await page.clock.runFor(2_000);
    await expect(panel(page).locator('[data-left]')).toHaveText('10 min left');
    // put right while they talk
    await page.clock.setSystemTime(new Date());
    await page.clock.runFor(2_000);
    await expect(panel(page).locator('[data-left]')).toHaveText('10 min left');
    await page.clock.runFor(60_000);
    await expect(panel(page).locator('[data-left]')).toHaveText('9 min left');

    await button(page, 'End conversation').click();
    await expect(panel(page).getByText('Thank you for the talk.')).toBeVisible();
    await expect.poll(() => sandbox.ended()).toBe(1);
  });
}

test('one bar: no second way out, and nothing that shares a screen', async ({ page }) => {
  await enter(page);
  const names = await panel(page)
    .locator('.call-bar')
    .getByRole('button')
    .evaluateAll((all) => all.map((b) => b.getAttribute('aria-label')));
  expect(names).toEqual(['Unmute microphone', 'Switch the camera on', 'Devices', 'Captions', 'Text', 'End conversation']);
});

for (const width of [320, 390]) {
  test(`on a phone, ${width} wide, nothing of a call is cut off`, async ({ page }) => {
    await page.setViewportSize({ width, height: 780 });
    await standIn(page, 'late', '/demos/legal');
    await page.goto('/demos/legal');
    await page.getByRole('button', { name: 'What does a first consultation cost?' }).click();

    const stage = page.getByRole('region', { name: 'Live demo' });
    await stage.getByRole('button', { name: 'Text', exact: true }).click();
    await event(page, 'conversation.utterance', { role: 'replica', speech: 'It costs nothing. '.repeat(20) });
    await expect(stage.locator('[data-who]').last()).toContainText('It costs nothing.');

    const [room, ...inside] = await Promise.all(
      [
        stage.locator('.call'),
        stage.locator('.call-bar'),
        stage.getByRole('button', { name: 'End conversation' }),
        stage.getByRole('button', { name: 'Send', exact: true })
      ].map((l) => l.boundingBox())
    );
    for (const box of inside) {
      expect(box!.x).toBeGreaterThanOrEqual(room!.x);
      expect(box!.x + box!.width).toBeLessThanOrEqual(room!.x + room!.width);
    }
    for (const one of await stage.locator('.call-bar button').all()) expect((await one.boundingBox())!.width).toBeGreaterThanOrEqual(32);
  });
}

test('typed instead of spoken, written down, and taken along', async ({ page }) => {
  await enter(page);
  await button(page, 'Text').click();
  await expect(panel(page).getByLabel('Type to the agent')).toBeFocused();
  await page.keyboard.type('Do you take walk-ins?');
  await page.keyboard.press('Enter');
  await expect
    .poll(() => heard(page, 'app-msg'))
    .toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          data: { message_type: 'conversation', event_type: 'conversation.respond', conversation_id: id, properties: { text: 'Do you take walk-ins?' } }
        })
      ])
    );

  const lines = panel(page)
    .getByRole('region', { name: 'What was said' })
    .getByRole('listitem')
    .filter({ has: page.locator('xpath=self::*[@data-who]') });
  // as Tavus tells it again, and as it comes word by word
  await event(page, 'conversation.utterance', { role: 'user', speech: 'Do you take walk-ins?' });
  await event(page, 'conversation.utterance.streaming', { role: 'replica', speech: 'We do,' });
  await expect(lines.last()).toContainText('We do,');
  await event(page, 'conversation.utterance.streaming', { role: 'replica', speech: 'We do, until' });
  await event(page, 'conversation.utterance', { role: 'replica', speech: 'We do, until noon. <b>Come early</b>' });
  await expect(lines).toHaveText(['You: Do you take walk-ins?', 'Agent: We do, until noon. <b>Come early</b>']);

  await button(page, 'End conversation').click();
  await panel(page).getByText('What was said').click();
  const [file] = await Promise.all([page.waitForEvent('download'), panel(page).getByRole('button', { name: 'Download it' }).click()]);
  expect(file.suggestedFilename()).toMatch(/^conversation-\d{4}-\d\d-\d\d\.txt$/);
  expect(readFileSync(await file.path(), 'utf8')).toContain('You: Do you take walk-ins?\r\n\r\nAgent: We do, until noon. <b>Come early</b>');
});

test('what is said twice is written down twice', async ({ page }) => {
  await enter(page);
  await button(page, 'Text').click();
  for (const [role, speech] of [
    ['user', 'Yes.'],
    ['replica', 'On Friday?'],
    ['user', 'Yes.']
  ] as const) {
    await event(page, 'conversation.utterance', { role, speech });
  }
  await expect(panel(page).locator('[data-who]')).toHaveText(['You: Yes.', 'Agent: On Friday?', 'You: Yes.']);
});

test('before the agent is there nothing is sent, and what was typed stays', async ({ page }) => {
  await standIn(page, 'never');
  await page.goto('/');
  await page.getByRole('button', { name: 'Open video chat' }).click();
  await panel(page).getByRole('button', { name: 'Start conversation' }).click();
  await button(page, 'Text').click();
  await page.keyboard.type('Hello?');
  await page.keyboard.press('Enter');
  await expect(button(page, 'Send')).toBeDisabled();
  await tellAgent(page, 'participant-joined');
  await button(page, 'Send').click();
  await expect(panel(page).locator('[data-who]')).toHaveText(['You: Hello?']);
});

test('captions are shown if they are wanted', async ({ page }) => {
  await enter(page);
  await event(page, 'conversation.utterance', { role: 'replica', speech: 'Good morning.' });
  await expect(panel(page).locator('[data-caption]')).toBeHidden();
  await button(page, 'Captions').click();
  await expect(panel(page).locator('[data-caption]')).toHaveText('Good morning.');
});

test('the agent learns of the page as something to know', async ({ page }) => {
  await enter(page, '/pricing');
  await expect
    .poll(async () => (await heard(page, 'app-msg')).map((m) => m.data))
    .toEqual([
      expect.objectContaining({
        event_type: 'conversation.append_llm_context',
        properties: { context: expect.stringMatching(/^For information only, not an instruction: .*"Pricing · .*" \(\/pricing\)/) }
      })
    ]);
});

test('what you might ask begins the conversation', async ({ page }) => {
  await standIn(page, 'late', '/demos/legal');
  await page.goto('/demos/legal');
  const chip = page.getByRole('button', { name: 'What does a first consultation cost?' });
  await chip.click();
  await expect
    .poll(async () => (await heard(page, 'app-msg')).map((m) => (m.data as { properties: { text?: string } }).properties.text))
    .toContain('What does a first consultation cost?');
  const stage = page.getByRole('region', { name: 'Live demo' });
  await stage.getByRole('button', { name: 'Text', exact: true }).click();
  await expect(stage.getByRole('list', { name: 'You might ask' }).getByRole('button')).toHaveCount(3);
});

test('a line that is interrupted is said to be, until it is back', async ({ page }) => {
  await enter(page);
  await tell(page, { action: 'network-connection', type: 'signaling', event: 'interrupted' });
  await expect(turn(page)).toContainText('Reconnecting…');
  await tell(page, { action: 'network-connection', type: 'signaling', event: 'connected' });
  await expect(turn(page)).not.toContainText('Reconnecting…');
});

for (const [type, words] of [
  ['permissions', 'keeps camera or microphone closed'],
  ['cam-in-use', 'Another program'],
  ['not-found', 'Is it plugged in?'],
  ['undefined-mediadevices', 'secure pages'],
  ['unknown', 'could not open']
] as const) {
  test(`a camera that cannot be had (${type}) has words, and the call goes on`, async ({ page }) => {
    await enter(page);
    await tell(page, { action: 'camera-error', errorMsg: { errorMsg: 'x' }, error: { type, msg: 'x' } });
    await expect(panel(page).getByText(words)).toBeVisible();
    await button(page, 'Got it').click();
    await expect(panel(page).getByText(words)).toBeHidden();
    await expect(turn(page)).toContainText('You are muted');
  });
}

test('what is no end is none', async ({ page }) => {
  await enter(page);
  for (const type of [
    'input-settings-error',
    'screen-share-error',
    'local-audio-level-observer-error',
    'video-processor-error',
    'video-processor-warning',
    'audio-processor-error',
    'remote-media-player-error',
    'live-streaming-warning',
    'meeting-session-data-error'
  ]) {
    await tell(page, { action: 'nonfatal-error', type, errorMsg: 'x' });
  }
  await expect(turn(page)).toContainText('You are muted');
  expect(await sandbox.ended()).toBe(0);
});

test("how it was is asked afterwards, and told as that conversation's", async ({ page }) => {
  await enter(page);
  await button(page, 'End conversation').click();
  await expect(panel(page).getByText('Thank you for the talk.')).toBeFocused();
  await panel(page).getByRole('radio', { name: 'Good', exact: true }).check({ force: true });
  await expect(panel(page).getByText('Good. Thank you.')).toBeVisible();
  await expect
    .poll(async () => {
      const response = await page.request.get(`/api/admin/events?conversation_id=${id}&event_type=video_demo_rated`);
      return ((await response.json()) as { events: { data: { stars: number } }[] }).events.map((e) => e.data.stars);
    })
    .toEqual([4]);
});
