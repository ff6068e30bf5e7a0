import { defineConfig } from '@playwright/test';

// The server under test is real; ./build.sh test starts it and says where.
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
    // conversations share one sandbox and its faults: one after the other
    { name: 'talk', testDir: 'e2e/talk', workers: 1 }
  ],
  workers: 2
});
