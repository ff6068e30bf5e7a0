import { expect, test } from '@playwright/test';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';

import { ADMIN, BASE, callback, Sandbox } from '../fixtures';
import { night } from '../night';

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

test('the panel, view by view, and live', async ({ request }) => {
  await page.authenticate(ADMIN);
  await page.goto(`${BASE}/admin`);
  for (const title of ['Inbox', 'Conversations', 'Payments', 'Visitors', 'Documents', 'Events', 'Deliveries', 'System', 'Overview']) {
    await page.locator(`nav[aria-label=Panel] a::-p-text(${title})`).click();
    await page.waitForFunction((t) => document.querySelector('h1')?.textContent === t && !document.querySelector('[data-skeleton]'), {}, title);
  }
  await page.goto(`${BASE}/admin?view=events&live=1`);
  await page.waitForSelector('[data-told=live]');

  const id = `fox-${Date.now()}`;
  await callback(request, { event_type: 'conversation.utterance', conversation_id: id, properties: {} });
  await page.waitForFunction((text) => document.querySelector('[data-row]')?.textContent?.includes(text), {}, id);
});

test.describe("an owner's day", () => {
  test.use({ httpCredentials: { ...ADMIN, send: 'unauthorized' } });

  test('answered, read, sent again, looked up, taken along and erased', async ({ request }) => {
    test.setTimeout(120_000);
    const { id, email } = await night(request);
    const view = (title: string) => page.locator(`nav[aria-label=Panel] a::-p-text(${title})`).click();
    const search = async (words: string) => {
      await page.locator('input[type=search]').fill(words);
      await page.keyboard.press('Enter');
    };
    const gone = (selector: string) => page.waitForFunction((s) => !document.querySelector(s), {}, selector);

    await page.authenticate(ADMIN);
    await page.goto(`${BASE}/admin?view=inbox&email=${encodeURIComponent(email)}`);
    await page.locator('[data-lead] ::-p-aria([name="Handled"][role="button"])').click();
    await gone('[data-lead]');

    await view('Conversations');
    await search('"walk-ins on friday"');
    await page.locator(`[data-conversation="${id}"] mark`).wait();
    await page.locator(`[data-conversation="${id}"] a`).click();
    await page.locator('[data-transcript] > li:nth-child(2)').wait();
    await page.locator('[data-event="conversation.created"]').wait();

    await view('Deliveries');
    await search('destination:crm state:dead');
    const dead = await page.waitForSelector('[data-delivery]');
    const number = await dead!.evaluate((row) => (row as HTMLElement).dataset.delivery);
    await page.locator(`[data-delivery="${number}"] ::-p-aria([name="Now"][role="button"])`).click();
    await gone(`[data-delivery="${number}"]`);

    await view('Payments');
    await search(`email:${email}`);
    await page.waitForFunction((text) => document.querySelector('[data-order]')?.textContent?.includes(text), {}, email);

    await view('Events');
    await search(`conversation_id:${id} source:server`);
    await page.locator('[data-event="conversation.created"]').wait();
    const href = await page.$eval('a[download]', (a) => (a as HTMLAnchorElement).href);
    const file = await page.evaluate(async (url) => (await fetch(url)).text(), href);
    expect(file).toContain(id);

    await view('Visitors');
    await page.locator('::-p-aria([name="Address, session or user"][role="textbox"])').fill(email);
    await page.keyboard.press('Enter');
    await press('Erase this visitor');
    await press('Erase all of it');
    await page.locator('h2::-p-text(Erased)').setTimeout(60_000).wait();
  });
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
