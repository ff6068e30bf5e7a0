import AxeBuilder from '@axe-core/playwright';
import type { Request, Route } from '@playwright/test';

import type { SystemEvent } from '../../src/lib/admin';
import { fault, FIELDS, type Name, NAMES } from '../../src/lib/contact';
import { ADMIN, deployed, expect, settings, test } from '../fixtures';

const problem = (status: number, code: string, more = {}) => ({
  status,
  contentType: 'application/problem+json',
  body: JSON.stringify({ type: 'about:blank', title: code, status, code, ...more })
});

test.describe('contact', () => {
  test('says what is missing, and puts the focus there', async ({ page }) => {
    const sent: Request[] = [];
    page.on('request', (r) => {
      if (r.url().endsWith('/api/contact')) sent.push(r);
    });
    await page.goto('/contact');
    await page.getByRole('button', { name: 'Send message' }).click();
    await expect(page.getByText('Tell us your name')).toBeVisible();
    await expect(page.getByLabel('Name')).toBeFocused();
    await expect(page.getByLabel('Name')).toHaveAttribute('aria-invalid', 'true');
    expect(sent).toEqual([]);
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map((v) => v.id)).toEqual([]);
  });

  test('what was typed before the form woke up is kept', async ({ page }) => {
    await page.goto('/contact');
    await page.locator('#name').evaluate((e: HTMLInputElement) => {
      e.value = 'Typed early';
    });
    await page.getByLabel('E-mail').fill('me@example.com');
    await expect(page.locator('astro-island[ssr]')).toHaveCount(0);
    await expect(page.getByLabel('Name')).toHaveValue('Typed early');
  });

  test('a message is taken, or the page says that it was not', async ({ page, request }) => {
    const there = (await request.post('/api/contact', { data: {} })).status() !== 404;

    await page.goto('/contact');
    await page.getByLabel('Name').fill('Test Visitor');
    await page.getByLabel('E-mail').fill('visitor@example.com');
    await page.getByLabel('Message').fill('Would it speak Danish with us?');
    await page.getByRole('button', { name: 'Send message' }).click();

    if (there) {
      await expect(page.getByText('Thank you. We have it.')).toBeFocused();
    } else {
      await expect(page.getByRole('alert')).toContainText('cannot take messages right now');
      await expect(page.getByRole('link', { name: /^Write to / })).toHaveAttribute('href', /^mailto:/);
      await expect(page.getByLabel('Message')).toHaveValue('Would it speak Danish with us?');
    }
  });

  test('whatever goes wrong is said, and nothing that was typed is lost', async ({ page }) => {
    let answer: Parameters<Route['fulfill']>[0] | 'gone' = 'gone';
    const sent: Record<string, unknown>[] = [];
    const send = page.getByRole('button', { name: 'Send message' });
    const kept = async () => {
      await expect(page.getByLabel('Message')).toHaveValue('Would it speak Danish with us?');
      await expect(page.getByRole('link', { name: /^Write to / })).toHaveAttribute('href', /^mailto:.*Danish/);
    };
    const said = async (title: string) => {
      await expect(page.getByRole('alert')).toContainText(title);
      await expect(page.locator('[data-trouble]')).toBeFocused();
      await kept();
    };

    await page.route('**/api/contact', (r) => {
      sent.push(r.request().postDataJSON() as Record<string, unknown>);
      return answer === 'gone' ? r.abort() : r.fulfill(answer);
    });
    await page.goto('/contact');
    await page.getByLabel('Name').fill('Test Visitor');
    await page.getByLabel('E-mail').fill('visitor@example.com');
    await page.getByLabel('Message').fill('Would it speak Danish with us?');

    // twice in one moment
    await send.evaluate((b: HTMLButtonElement) => {
      b.click();
      b.form!.requestSubmit();
    });
    await said('No connection');
    expect(sent).toEqual([{ name: 'Test Visitor', email: 'visitor@example.com', message: 'Would it speak Danish with us?', session_id: expect.any(String) }]);

    for (const [status, title] of [
      [413, 'more than the form can take'],
      [503, 'cannot take messages right now'],
      [502, 'did not get through'],
      [400, 'not understood']
    ] as const) {
      answer = problem(status, 'some_code');
      await send.click();
      await said(title);
    }

    answer = problem(400, 'invalid_contact', {
      issues: [
        { field: 'email', message: 'No such domain.' },
        { field: 'utm_source', message: 'Odd.' }
      ]
    });
    await send.click();
    await expect(page.getByText('No such domain.')).toBeVisible();
    await expect(page.getByLabel('E-mail')).toBeFocused();
    await expect(page.getByLabel('E-mail')).toHaveAccessibleDescription('No such domain.');

    answer = problem(429, 'rate_limited', { retry_after: 2 });
    await send.click();
    await said('Too many messages');
    await expect(page.getByRole('button', { name: /^Again in/ })).toBeDisabled();

    answer = { json: { received: true } };
    await expect(send).toBeEnabled();
    await send.click();
    await expect(page.getByText('Thank you. We have it.')).toBeFocused();
    await expect(page.getByRole('alert')).toHaveCount(0);
  });

  test('what the page refuses the server refuses, and nothing else', async ({ request }) => {
    test.setTimeout(60_000);

    const emails = [
      'a@b.c',
      'a@b',
      'a',
      '',
      '@b.c',
      'a@',
      'a@b.',
      'a@.b',
      'a@b..c',
      '.a@b.c',
      'a.@b.c',
      'a..b@c.d',
      'a@b@c.d',
      'a b@c.d',
      'a"@b.c',
      'a(b)@c.d',
      'a,b@c.d',
      'a;b@c.d',
      'a:b@c.d',
      '<a@b.c>',
      'a\\b@c.d',
      'a[b]@c.d',
      'ä@b.c',
      'a@ö.de',
      "a'b+c%d@e-f.gh",
      `${'x'.repeat(64)}@b.c`,
      `${'x'.repeat(65)}@b.c`,
      `a@${'x.'.repeat(125)}yy`,
      `a@${'x.'.repeat(125)}yyy`
    ];
    const texts = (min: number, max: number) => [
      '',
      'x',
      'x'.repeat(min || 1),
      'x'.repeat(Math.max(0, min - 1)),
      '😀'.repeat(min),
      'é'.repeat(max),
      '😀'.repeat(max),
      'x'.repeat(max + 1),
      '😀'.repeat(max + 1),
      'a line\nand another',
      'a tab\tin it, perhaps',
      'a bell \u0007 in it',
      'del \u007f in it, here',
      'c1 \u0085 in it, here',
      'x\u00a0y or so, perhaps'
    ];
    const values = Object.fromEntries(FIELDS.map(({ name, min, max }) => [name, name === 'email' ? emails : texts(min, max)])) as Record<Name, string[]>;
    const differ: unknown[] = [];

    for (let i = 0; i < Math.max(...Object.values(values).map((v) => v.length)); i++) {
      const data = Object.fromEntries(NAMES.map((n) => [n, values[n][i % values[n].length]!])) as Record<Name, string>;
      // nothing is to be stored of it
      const response = await request.post('/api/contact', {
        data: { ...Object.fromEntries(Object.entries(data).filter(([, v]) => v)), consent: 'maybe' },
        headers: { 'X-Forwarded-For': `10.77.${Date.now() & 255}.${i}` }
      });
      const { issues } = (await response.json()) as { issues: { field: string }[] };
      const theirs = issues
        .map((x) => x.field)
        .filter((f) => f !== 'consent')
        .sort();
      const ours = NAMES.filter((n) => fault(n, data[n])).sort();

      expect(response.status()).toBe(400);
      if (theirs.join() !== ours.join()) differ.push({ data, theirs, ours });
    }
    expect(differ).toEqual([]);
  });
});

test.describe('pricing', () => {
  test('estimates, adds up, and keeps its sums right', async ({ page }) => {
    // a beacon's body is not shown
    await page.addInitScript(() => {
      navigator.sendBeacon = () => false;
    });
    await deployed(page, { checkout: false });
    await page.goto('/pricing');
    await page.getByLabel('Conversations a month').fill('2000');
    await page.getByLabel('Minutes each').fill('4');
    await expect(page.getByText('8,000', { exact: true })).toBeVisible();
    await expect(page.locator('[data-best]')).toHaveText('Scale and 3 × 1,000 more minutes, $1,619 in such a month');
    await expect(page.getByLabel('1,000 more minutes: how many')).toBeDisabled();
    await page.getByRole('button', { name: 'Choose it' }).click();
    await expect(page.getByRole('radio', { name: /Scale/ })).toBeChecked();
    await expect(page.getByLabel('1,000 more minutes: how many')).toHaveValue('3');
    await expect(page.locator('[data-total]')).toHaveText('$1,619');
    await page.getByRole('checkbox', { name: /HIPAA/ }).check();
    await expect(page.locator('[data-total]')).toHaveText('$1,678');
    await expect(page.locator('[data-monthly]')).toHaveText('$1,558');

    // a plan without packs has none
    await page.getByRole('radio', { name: /^Growth/ }).check();
    await expect(page.locator('[data-total]')).toHaveText('$658');
    await page.getByRole('radio', { name: /^Scale/ }).check();
    await expect(page.locator('[data-total]')).toHaveText('$1,678');

    // more than there is
    await page.getByLabel('Conversations a month').fill('99999');
    await expect(page.locator('[data-best]')).toContainText('Write to us');
    await expect(page.getByRole('button', { name: 'Choose it' })).toBeDisabled();
    expect(await page.getByRole('main').textContent()).not.toMatch(/NaN|Infinity|undefined/);

    // where nothing can be paid, what was chosen is the beginning of a message
    await expect(page.getByRole('button', { name: 'Go to checkout' })).toBeHidden();
    await page.getByRole('link', { name: 'Ask for this plan' }).click();
    await expect(page.getByLabel('Message')).toHaveValue('I would like the plan Scale with: 3 × 1,000 more minutes, HIPAA.\n');

    // and says what the lead is worth
    await page.route('**/api/contact', (r) => r.fulfill({ json: { received: true } }));
    await page.getByLabel('Name').fill('Test Visitor');
    await page.getByLabel('E-mail').fill('visitor@example.com');
    const counted = page.waitForRequest((r) => r.url().endsWith('/api/track') && r.postData()!.includes('generate_lead'));
    await page.getByRole('button', { name: 'Send message' }).click();
    expect(
      ((await counted).postDataJSON() as { events: { name: string; properties: unknown }[] }).events.find((e) => e.name === 'generate_lead')?.properties
    ).toMatchObject({ plan: 'scale', value: 1678, currency: 'USD' });
  });

  test('what is pressed before the form is awake goes by what stands in it', async ({ page }) => {
    let wake = () => {};
    const sleeps = new Promise<void>((done) => {
      wake = done;
    });

    await page.route(/\/_a\/Pricing\.[^/]*\.js$/, async (r) => {
      await sleeps;
      await r.continue();
    });
    await page.goto('/pricing');
    await page.getByLabel('Conversations a month').fill('2000');
    await page.getByRole('button', { name: 'Choose it' }).click();
    wake();
    await expect(page.locator('[data-total]')).toHaveText('$1,619');
  });

  for (const width of [390, 1280]) {
    test(`what is pressed as the form wakes is pressed, ${width} wide`, async ({ page }) => {
      let wake = () => {};
      const sleeps = new Promise<void>((done) => {
        wake = done;
      });
      const button = page.getByRole('button', { name: 'Choose it' });

      await page.setViewportSize({ width, height: 800 });
      await page.route(/\/_a\/Pricing\.[^/]*\.js$/, async (r) => {
        await sleeps;
        await r.continue();
      });
      await page.goto('/pricing');
      await page.getByLabel('Conversations a month').fill('2000');
      await button.hover();
      const before = (await button.boundingBox())!.y;
      await page.mouse.down();
      wake();
      await page.waitForLoadState('networkidle');
      await page.mouse.up();
      await expect(page.locator('[data-best]')).toContainText('Scale and 3');
      await expect(page.locator('[data-total]')).toHaveText('$1,619');
      // nor does the estimate move it
      expect((await button.boundingBox())!.y).toBeCloseTo(before, 0);
    });
  }

  test('a checkout that does not open says why, and charges nobody', async ({ page }) => {
    let answer: Parameters<Route['fulfill']>[0] | 'gone' = 'gone';
    const sent: Record<string, unknown>[] = [];
    const go = page.getByRole('button', { name: 'Go to checkout' });
    const said = async (title: string, text: string) => {
      await expect(page.getByRole('alert')).toContainText(title);
      await expect(page.getByRole('alert')).toContainText(text);
      await expect(page.locator('[data-trouble]')).toBeFocused();
    };

    await deployed(page, { checkout: true });
    await page.route('**/api/stripe/checkout', (r) => {
      sent.push(r.request().postDataJSON() as Record<string, unknown>);
      return answer === 'gone' ? r.abort() : r.fulfill(answer);
    });
    await page.goto('/pricing?utm_source=letter');
    await page.getByRole('radio', { name: /^Growth/ }).check();
    await page.getByRole('checkbox', { name: /Service level/ }).check();
    await expect(page.getByRole('link', { name: 'Ask for this plan' })).toBeHidden();

    await page.getByLabel('E-mail (optional)').fill('nobody');
    await go.click();
    await expect(page.getByText('This does not look like an e-mail address.')).toBeVisible();
    await expect(page.getByLabel('E-mail (optional)')).toBeFocused();
    expect(sent).toEqual([]);

    await page.getByLabel('E-mail (optional)').fill('');
    // twice in one moment
    await go.evaluate((b: HTMLButtonElement) => {
      b.click();
      b.form!.requestSubmit();
    });
    await said('No connection', 'You have not been charged');
    expect(sent).toEqual([{ plan: 'growth', add_ons: { sla: 1 }, session_id: expect.any(String), utm_source: 'letter' }]);

    answer = problem(502, 'upstream_error');
    await go.click();
    await said('could not be opened', 'You have not been charged');
    answer = problem(503, 'service_unavailable');
    await go.click();
    await said('closed for a moment', 'You have not been charged');
    answer = problem(400, 'invalid_field', { field: 'add_ons' });
    await go.click();
    await said('not understood', 'You have not been charged');
    answer = problem(400, 'invalid_field', { field: 'email' });
    await go.click();
    await expect(page.getByLabel('E-mail (optional)')).toBeFocused();
    await expect(page.getByLabel('E-mail (optional)')).toHaveAccessibleDescription('This does not look like an e-mail address.');
    answer = { json: { url: 'javascript:alert(1)' } };
    await go.click();
    await said('could not be opened', 'You have not been charged');

    await page.getByLabel('E-mail (optional)').fill('visitor@example.com');
    answer = problem(429, 'rate_limited', { retry_after: 2 });
    await go.click();
    await said('Too many tries', 'You have not been charged. You can try again in 2 seconds.');
    expect(sent.at(-1)).toMatchObject({ email: 'visitor@example.com' });
    await expect(page.getByRole('button', { name: /^Again in/ })).toBeDisabled();
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map((v) => v.id)).toEqual([]);
    await expect(go).toBeEnabled();
    await expect(page.getByRole('radio', { name: /^Growth/ }), 'nothing is lost').toBeChecked();
  });
});

test('the calculator calculates', async ({ page }) => {
  await page.goto('/roi-calculator');
  await expect(page.locator('[data-net]')).toHaveText('$984');
  await page.getByLabel('Hours a week spent answering').fill('0');
  await expect(page.locator('[data-net]')).toHaveText('−$99');
  await expect(page.getByText('A month, not in your favour')).toBeVisible();
  await page.getByLabel('Minutes of conversation a month').fill('20000');
  await expect(page.locator('[data-net]')).toHaveText('Let us talk about it');
  for (const box of await page.getByRole('spinbutton').all()) await box.fill('9'.repeat(300));
  expect(await page.getByRole('main').textContent()).not.toMatch(/NaN|∞|undefined/);
});

test.describe('tracking', () => {
  test.use({ httpCredentials: { ...ADMIN, send: 'unauthorized' } });

  test('what happened is on record, and the first touch stays', async ({ page, request }) => {
    test.skip(!(await settings(request)).tracking, 'this deployment has no /api/track');

    await deployed(page, { consent: true });
    await page.goto('/?utm_source=first&utm_campaign=one');
    await page.getByRole('region', { name: 'Analytics' }).getByRole('button', { name: 'Yes' }).click();
    await page.getByRole('link', { name: 'Choose a demo' }).click();
    // a page that is left before its scripts have run was not viewed
    await page.waitForURL('/demos', { waitUntil: 'load' });
    await page.goto('/about?utm_source=second');

    // What a page sends as it is left the browser does not show; the server has it.
    const session = await page.evaluate(() => sessionStorage.getItem('session_id'));
    let events: SystemEvent[] = [];
    await expect
      .poll(async () => {
        const response = await page.request.get(`/api/admin/events?source=browser&q=${session}`);
        events = ((await response.json()) as { events: SystemEvent[] }).events;
        return events.map((e) => e.event_type).sort();
      })
      .toEqual(['consent', 'page_view', 'page_view', 'page_view', 'select_item']);

    const properties = events.map((e) => e.data as Record<string, string>);
    expect(properties.map((p) => p.utm_source)).toEqual(['first', 'first', 'first', 'first', 'first']);
    expect(properties.filter((p) => p.item).map((p) => p.item)).toEqual(['hero-demos']);
    expect(
      properties
        .filter((p) => p.title)
        .map((p) => p.path)
        .sort()
    ).toEqual(['/', '/about', '/demos']);

    await page.goto(`/admin?view=events&source=browser&q=${session}`);
    await expect(page.locator('[data-event="page_view"]')).toHaveCount(3);
  });
});
