// Calls Stripe's API with its own library: a line of JSON in, with host, port,
// key, the path of a method ("checkout.sessions.create") and its arguments, or
// with body, header and secret of a webhook to verify; a line of JSON out.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(
  new URL('../../build/senders/', import.meta.url));

const Stripe = require('stripe');

for await (const line of createInterface({ input: process.stdin })) {
  const { host, port, key, method, args, body, header, secret }
    = JSON.parse(line);
  const stripe = new Stripe(key ?? 'sk_test_nothing',
    { host, port, protocol: 'http', maxNetworkRetries: 0, telemetry: false });
  let answer;

  try {
    if (method) {
      const path = method.split('.');
      const name = path.pop();
      const object = path.reduce((at, part) => at[part], stripe);

      answer = await object[name](...args);
    } else {
      answer = stripe.webhooks.constructEvent(body, header, secret);
    }
    answer = { ok: answer };
  } catch ({ type, statusCode, code, param, message }) {
    answer = { error: { type, statusCode, code, param, message } };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
