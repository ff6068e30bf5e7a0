import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';

import { defineConfig } from '@playwright/test';

// The servers under test are real; ./build.sh test starts them and says where: each worker
// has one of its own, with its database and sandbox, whose faults are nobody else's.
const servers = process.env.SERVERS?.split(':') ?? [];
const mine = servers[Number(process.env.TEST_PARALLEL_INDEX ?? 0)];
if (mine) Object.assign(process.env, parseEnv(readFileSync(mine, 'utf8')));

const base = process.env.BASE_URL;
if (!base) throw new Error('BASE_URL is not set: run ./build.sh test site/e2e/…');

export default defineConfig({
  testDir: 'e2e',
  outputDir: '../build/e2e',
  forbidOnly: !!process.env.CI,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: [['list']],
  use: {
    baseURL: base,
    trace: process.env.TRACE ? 'on' : 'off',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--use-fake-device-for-media-stream',
        '--use-fake-ui-for-media-stream'
      ]
    }
  },
  projects: [
    // read only: side by side
    { name: 'pages', testDir: 'e2e/pages', fullyParallel: true },
    // conversations share a sandbox and its faults: one after the other before each server
    { name: 'talk', testDir: 'e2e/talk', workers: servers.length || 1 }
  ],
  workers: servers.length || 2
});
