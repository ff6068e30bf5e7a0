// Sends events with PostHog's own library: a line of JSON in, with the host,
// the key and the events as its capture() takes them; a line of JSON out, when
// all have left, with what it complained of.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(
  new URL('../../build/senders/', import.meta.url));

const { PostHog } = require('posthog-node');

// what it says there is answered
console.error = () => {};

for await (const line of createInterface({ input: process.stdin })) {
  const { host, key, events, options = {} } = JSON.parse(line);
  const errors = [];
  const posthog = new PostHog(key, { host, fetchRetryCount: 0, ...options });

  posthog.on('error', (error) => errors.push(`${error}`));
  for (const { timestamp, ...event } of events) {
    posthog.capture({ ...event,
      ...timestamp && { timestamp: new Date(timestamp) } });
  }

  await posthog.shutdown();
  process.stdout.write(`${JSON.stringify({ errors })}\n`);
}
