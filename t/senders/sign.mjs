// Signs webhooks with the libraries that their senders give away, and reads
// the proof back with them: a line of JSON in, a line of JSON out.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(
  new URL('../../build/senders/', import.meta.url));

const Stripe = require('stripe');
const { Webhook: Svix } = require('svix');
const { Webhook: Standard } = require('standardwebhooks');

const stripe = new Stripe('sk_test_nothing');

const senders = {
  stripe({ secret, time, body }) {
    const header = stripe.webhooks.generateTestHeaderString({
      payload: body, secret, timestamp: time });

    stripe.webhooks.constructEvent(body, header, secret);
    return { 'stripe-signature': header };
  },

  svix: (m) => signed(new Svix(m.secret), 'svix', m),
  standard: (m) => signed(new Standard(m.secret), 'webhook', m),
};

function signed(webhook, prefix, { id, time, body }) {
  const headers = {
    [`${prefix}-id`]: id,
    [`${prefix}-timestamp`]: `${time}`,
    [`${prefix}-signature`]: webhook.sign(id, new Date(time * 1000), body),
  };

  webhook.verify(body, headers);
  return headers;
}

for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line);
  process.stdout.write(
    `${JSON.stringify(senders[message.sender](message))}\n`);
}
