import { createHmac } from 'node:crypto';

import { type APIRequestContext, type APIResponse, type Browser, type Page, test as base, expect } from '@playwright/test';

export const BASE = process.env.BASE_URL!;
export const SANDBOX = process.env.SANDBOX_URL!;
export const ADMIN = { username: process.env.ADMIN_USER!, password: process.env.ADMIN_PASSWORD! };

export const MARKETING = [
  '/',
  '/demos',
  '/demos/healthcare',
  '/demos/legal',
  '/demos/ecommerce',
  '/pricing',
  '/roi-calculator',
  '/contact',
  '/about',
  '/accessibility',
  '/legal/privacy',
  '/legal/terms',
  '/legal/baa'
];
export const PAGES = [...MARKETING, '/thank-you'];

let visitors = 0;

interface Watch {
  // what the policy refused, what a script threw and nobody caught, and what the console called an error
  violations: string[];
  thrown: string[];
  errors: string[];
  foreign: string[];
}

interface Fixtures {
  watch: Watch;
  strict: boolean;
  visitor: string;
}

// Each test comes from an address of its own, as limits count addresses; and
// none may see a violation of the policy, or a script that fails.
export const test = base.extend<Fixtures>({
  strict: [true, { option: true }],
  visitor: async ({}, use, info) => {
    await use(`10.${info.parallelIndex}.${(Date.now() >> 8) & 255}.${++visitors & 255}`);
  },
  extraHTTPHeaders: async ({ visitor }, use) => {
    await use({ 'X-Forwarded-For': visitor });
  },
  watch: [
    async ({ page, strict }, use, info) => {
      const watch: Watch = { violations: [], thrown: [], errors: [], foreign: [] };

      await page.exposeFunction('violated', (what: string) => watch.violations.push(what));
      await page.addInitScript(() => {
        addEventListener('securitypolicyviolation', (e) =>
          (window as unknown as { violated: (s: string) => void }).violated(`${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}`)
        );
      });
      page.on('pageerror', (e) => {
        // what has no stack is the browser's own, as a transition that it skipped
        if (e.stack) watch.thrown.push(e.stack);
        watch.errors.push(e.message);
      });
      page.on('console', (m) => {
        if (m.type() === 'error') watch.errors.push(`${m.text()} ${m.location().url}`);
      });
      page.on('request', (r) => {
        const url = new URL(r.url());
        if (/^https?:|^wss?:/.test(url.protocol) && url.origin !== new URL(BASE).origin) watch.foreign.push(r.url());
      });
      await use(watch);
      // a run elsewhere leaves nothing but what it prints
      if (info.status !== info.expectedStatus) {
        const seen = await page.locator('body').innerText({ timeout: 2000 }).catch(String);
        console.log(`Error: ${info.title}: at ${page.url()}\n  console: ${watch.errors.join(' | ')}\n  seen: ${seen.replace(/\s+/g, ' ').slice(0, 300)}`);
      }
      if (strict) {
        expect(watch.violations, 'violations of the policy').toEqual([]);
        expect(watch.thrown, 'what no script caught').toEqual([]);
      }
    },
    { auto: true }
  ]
});

export { expect };

export async function settings(request: APIRequestContext): Promise<{ tracking: boolean }> {
  return await (await request.get('/config.json')).json();
}

// What other ops would have written into nginx.conf: the answer of the real
// /config.json with other values.  It is the one thing that differs between
// deployments of a build.
export async function deployed(page: Page, other: Record<string, unknown>): Promise<void> {
  const config = { ...(await settings(page.request)), ...other };

  await page.route('**/config.json', (route) => route.fulfill({ json: config }));
}

// PostHog counts no machines, and knows them by this.
export async function person(page: Page, browser: Browser): Promise<void> {
  await page.addInitScript(
    (userAgent) => {
      Object.defineProperties(Navigator.prototype, {
        webdriver: { value: false },
        userAgent: { value: userAgent },
        userAgentData: { value: undefined }
      });
    },
    `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${browser.version().split('.')[0]}.0.0.0 Safari/537.36`
  );
}

// As Tavus signs what it calls back with.
export async function callback(request: APIRequestContext, event: Record<string, unknown>): Promise<void> {
  const body = JSON.stringify({ timestamp: new Date().toISOString(), ...event });
  const mac = createHmac('sha256', process.env.WEBHOOK_SECRET!).update(body).digest('hex');

  await expect(
    await request.post('/api/tavus/webhook', { data: Buffer.from(body), headers: { 'Content-Type': 'application/json', 'X-Tavus-Signature': mac } })
  ).toBeOK();
}

// ---- the sandbox -------------------------------------------------------------

export interface Call {
  method: string;
  path: string;
  body: Record<string, unknown>;
}

export class Sandbox {
  constructor(readonly request: APIRequestContext) {}

  private async told(answer: Promise<APIResponse>): Promise<void> {
    const response = await answer;
    expect(response.ok() ? '' : `${response.status()} ${await response.text()}`, `the sandbox, at ${response.url()}`).toBe('');
  }

  async reset(): Promise<void> {
    await this.told(this.request.delete(`${SANDBOX}/_state`));
    await this.configure({ line_ms: 100 });
  }

  async configure(data: Record<string, unknown>): Promise<void> {
    await this.told(this.request.post(`${SANDBOX}/_config`, { data }));
  }

  async fault(data: Record<string, unknown>): Promise<void> {
    await this.told(this.request.post(`${SANDBOX}/_fault`, { data: { path: '/v2/conversations', method: 'POST', ...data } }));
  }

  // What changes something: the server looks after conversations of other tests meanwhile.
  async calls(path = '/v2/conversations'): Promise<Call[]> {
    const response = await this.request.get(`${SANDBOX}/_calls?path=${encodeURIComponent(path)}`);
    return ((await response.json()) as { calls: Call[] }).calls.filter((c) => c.method !== 'GET');
  }

  async ended(): Promise<number> {
    return (await this.calls()).filter((c) => c.path.endsWith('/end')).length;
  }
}
