import { BASE, expect, test } from '../fixtures';

// Plain http on a name that is not this machine's: not a secure context, and
// the browser leaves out what it keeps for those.
const host = `site.test:${new URL(BASE).port}`;

test.use({
  strict: true,
  launchOptions: async ({ launchOptions }, use) => {
    await use({ ...launchOptions, args: [...launchOptions.args!, '--host-resolver-rules=MAP site.test 127.0.0.1'] });
  }
});

test('events are counted where the page is not secure', async ({ page }) => {
  const broken: string[] = [];
  page.on('pageerror', (e) => broken.push(e.message));
  const request = page.waitForRequest('**/api/track');

  await page.goto(`http://${host}/`);
  expect(await page.evaluate(() => [isSecureContext, typeof crypto.randomUUID])).toEqual([false, 'undefined']);

  const { events } = (await request).postDataJSON() as { events: { event_id: string; properties: { session_id: string } }[] };
  const uuid = (version: number) => new RegExp(`^[0-9a-f]{8}-[0-9a-f]{4}-${version}[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`);
  expect(events[0]!.event_id).toMatch(uuid(4));
  expect(events[0]!.properties.session_id).toMatch(uuid(7));
  expect(events[0]!.event_id).not.toBe(events[0]!.properties.session_id);
  expect(broken).toEqual([]);
});
