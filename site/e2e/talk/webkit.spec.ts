import { type ChildProcess, spawn } from 'node:child_process';
import { globSync } from 'node:fs';

import { expect, test } from '@playwright/test';
import { Builder, By, until, type WebDriver } from 'selenium-webdriver';

import { BASE, Sandbox } from '../fixtures';

// Pages, form and device check in WebKit; it is built without WebRTC here, so what a
// visitor sees whose browser has none is seen, too.
const PORT = 21_900;
const MINIBROWSER = process.env.MINIBROWSER ?? globSync('/usr/lib/*/webkit2gtk-4.*/MiniBrowser').sort().at(-1)!;

let server: ChildProcess;
let driver: WebDriver;

test.beforeAll(async () => {
  // a screen that nobody sees; the group of processes ends with it
  server = spawn('xvfb-run', ['-a', 'WebKitWebDriver', `--port=${PORT}`], { detached: true, stdio: 'ignore' });
  await expect
    .poll(() =>
      fetch(`http://127.0.0.1:${PORT}/status`).then(
        (r) => r.ok,
        () => false
      )
    )
    .toBe(true);
  driver = await new Builder()
    .usingServer(`http://127.0.0.1:${PORT}`)
    .withCapabilities({
      browserName: 'MiniBrowser',
      'webkitgtk:browserOptions': { binary: MINIBROWSER, args: ['--automation', '--enable-mock-capture-devices=true'] }
    })
    .build();
});

test.afterAll(async () => {
  await driver?.quit().catch(() => {});
  if (server.pid) process.kill(-server.pid);
});

test.beforeEach(({ request }) => new Sandbox(request).reset());

const see = (text: string) =>
  driver.wait(until.elementLocated(By.xpath(`//*[normalize-space(text())=${JSON.stringify(text)} or contains(text(),${JSON.stringify(text)})]`)), 15_000);
const press = async (name: string) =>
  driver
    .wait(until.elementLocated(By.xpath(`//button[@aria-label=${JSON.stringify(name)} or normalize-space(.)=${JSON.stringify(name)}]`)), 15_000)
    .then((button) => button.click());

test('the pages are whole', async () => {
  for (const path of ['/', '/demos/legal', '/pricing', '/roi-calculator', '/contact', '/legal/privacy']) {
    await driver.get(BASE + path);
    expect((await driver.findElement(By.css('h1')).getText()).length, path).toBeGreaterThan(3);
    expect(await driver.executeScript('return document.documentElement.scrollWidth <= innerWidth'), path).toBe(true);
    expect(await driver.executeScript('return document.documentElement.classList.contains("js")'), path).toBe(true);
  }
});

test('a message is taken', async () => {
  await driver.get(`${BASE}/contact`);
  for (const [name, text] of [
    ['name', 'Ada Example'],
    ['email', 'ada@example.com'],
    ['message', 'Do you take walk-ins on Friday?']
  ]) {
    await driver.findElement(By.css(`[name=${name}]`)).sendKeys(text!);
  }
  await driver.findElement(By.css('form button[type=submit]')).click();
  await see('Thank you');
});

test('without WebRTC the visitor is told so, and nothing is made', async ({ request }) => {
  await driver.get(`${BASE}/`);
  expect(await driver.executeScript('return "RTCPeerConnection" in window')).toBe(false);
  await press('Open video chat');
  await press('Start conversation');
  await see('This browser cannot hold a video call');
  await see('Leave a message');
  expect(await new Sandbox(request).calls()).toEqual([]);
});

test('camera and microphone are found, heard and chosen', async () => {
  await driver.get(`${BASE}/`);
  await press('Open video chat');
  await see('Camera found');
  await see('Microphone found');
  await press('Test them first');
  await see('We hear you.');

  const video = await driver.findElement(By.css('[aria-label="Your camera"]'));
  await driver.wait(() => driver.executeScript('return arguments[0].videoWidth > 0', video), 15_000);

  const chosen = () => driver.executeScript('return arguments[0].srcObject.getVideoTracks()[0].label', video);
  const before = await chosen();
  await driver.findElement(By.xpath('//label[normalize-space(.)="Camera"]/following-sibling::select/option[last()]')).click();
  await driver.wait(async () => (await chosen()) !== before, 15_000);

  await press('Play a sound');
  await driver.wait(until.elementLocated(By.xpath('//*[@role="status"][contains(., "tones were played") or contains(., "could not play")]')), 15_000);
});
