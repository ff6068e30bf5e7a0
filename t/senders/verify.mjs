// Verifies webhooks with the library of Standard Webhooks: a line of JSON in,
// with secret, headers and body (a string); a line of JSON out, ok or error.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(
  new URL('../../build/senders/', import.meta.url));

const { Webhook } = require('standardwebhooks');

for await (const line of createInterface({ input: process.stdin })) {
  const { secret, headers, body } = JSON.parse(line);
  let answer = { ok: true };

  try {
    new Webhook(secret).verify(body, headers);
  } catch (error) {
    answer = { ok: false, error: error.message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
