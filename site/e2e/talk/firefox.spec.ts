import { createHmac } from 'node:crypto';

import { expect, test } from '@playwright/test';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';

import { ADMIN, BASE, Sandbox } from '../fixtures';

// The way from a visit to the transcript in Firefox, whose engine is another.  Devices
// are pretended by the browser itself.
const FIREFOX = process.env.FIREFOX ?? '/usr/bin/firefox-esr';

let browser: Browser;
let page: Page;
let wrong: string[];

test.beforeAll(async () => {
  browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: FIREFOX,
    headless: true,
    extraPrefsFirefox: { 'media.navigator.streams.fake': true, 'media.navigator.permission.disabled': true, 'media.autoplay.default': 0 }
  });
});
test.afterAll(() => browser.close());

test.beforeEach(async ({ request }) => {
  await new Sandbox(request).reset();
  page = await browser.newPage();
  page.setDefaultTimeout(20_000);
  await page.setViewport({ width: 1280, height: 800 });
  wrong = [];
  page.on('pageerror', (error) => wrong.push(String(error)));
});
test.afterEach(async () => {
  await page.close();
  expect(wrong, 'what no script caught').toEqual([]);
});

const press = (name: string) => page.locator(`::-p-aria([name="${name}"][role="button"])`).click();
const see = (text: string) => page.locator(`::-p-text(${text})`).wait();

test('from the first visit to the transcript in the panel', async () => {
  test.setTimeout(120_000);
  await page.goto(`${BASE}/demos/legal`);
  // what asks about analytics may lie over it
  await press('No, thanks');
  await press('Start Video Demo');
  const element = await page.waitForSelector('iframe[title="Conversation with the video agent"]');
  const room = await element!.contentFrame();
  await room.locator('#lines li:nth-child(4)').wait();
  const said = await room.$eval('#lines li', (li) => li.textContent!.trim());
  const id = /room\/([^/?]+)/.exec(room.url())![1]!;
  await press('End conversation');
  await see('Thank you for the talk.');

  await page.authenticate(ADMIN);
  await expect(async () => {
    await page.goto(`${BASE}/admin?view=conversation&id=${id}`);
    await page.locator('[data-transcript] li').setTimeout(2000).wait();
    expect(await page.$eval('[data-transcript]', (list) => list.textContent)).toContain(said);
  }).toPass({ timeout: 40_000 });
});

test('the panel, view by view, and live', async () => {
  await page.authenticate(ADMIN);
  await page.goto(`${BASE}/admin`);
  for (const title of ['Inbox', 'Conversations', 'Payments', 'Visitors', 'Documents', 'Events', 'Deliveries', 'System', 'Overview']) {
    await page.locator(`nav[aria-label=Panel] a::-p-text(${title})`).click();
    await page.waitForFunction((t) => document.querySelector('h1')?.textContent === t && !document.querySelector('[data-skeleton]'), {}, title);
  }
  await page.goto(`${BASE}/admin?view=events&live=1`);
  await page.waitForSelector('[data-told=live]');

  const id = `fox-${Date.now()}`;
  const body = JSON.stringify({ event_type: 'conversation.utterance', conversation_id: id, timestamp: new Date().toISOString(), properties: {} });
  const mac = createHmac('sha256', process.env.WEBHOOK_SECRET!).update(body).digest('hex');
  await fetch(`${BASE}/api/tavus/webhook`, { method: 'POST', body, headers: { 'Content-Type': 'application/json', 'X-Tavus-Signature': mac } });
  await page.waitForFunction((text) => document.querySelector('[data-row]')?.textContent?.includes(text), {}, id);
});

test('the devices are found and shown', async () => {
  await page.goto(`${BASE}/`);
  await press('Open video chat');
  await see('Microphone found');
  await press('Test them first');
  await page.locator('video[aria-label="Your camera"]').wait();
  await page.locator('::-p-aria([name="Microphone"][role="combobox"])').wait();
  // no machine of ours has sound, without which Firefox measures none
  await see('How loud you are cannot be measured in this browser.');
});

test('a message is taken', async () => {
  await page.goto(`${BASE}/contact`);
  for (const [name, text] of [
    ['name', 'Ada Example'],
    ['email', 'ada@example.com'],
    ['message', 'Do you take walk-ins on Friday?']
  ]) {
    await page.locator(`[name=${name}]`).fill(text!);
  }
  await page.locator('form button[type=submit]').click();
  await see('Thank you');
});

test('nothing moves when the panel fills the window', async () => {
  await page.goto(`${BASE}/about`);
  const before = await page.$eval('h1', (h) => h.getBoundingClientRect().left);
  await press('Open video chat');
  await press('Make it large');
  expect(await page.$eval('h1', (h) => h.getBoundingClientRect().left)).toBe(before);
});

test('no page leaves a word in the console', async () => {
  const said: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') said.push(`${page.url()}: ${message.text()}`);
  });
  for (const path of ['/', '/demos', '/pricing', '/roi-calculator', '/about', '/contact', '/legal/privacy']) {
    await page.goto(BASE + path);
    await page.locator('h1').wait();
  }
  expect(said).toEqual([]);
});
