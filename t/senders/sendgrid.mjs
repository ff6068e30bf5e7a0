// Sends a mail with SendGrid's own library: a line of JSON in, with the host,
// the key and the mail as its send() takes it; a line of JSON out, with status,
// headers and body of the answer.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(
  new URL('../../build/senders/', import.meta.url));

const { MailService } = require('@sendgrid/mail');
const { Client } = require('@sendgrid/client');

for await (const line of createInterface({ input: process.stdin })) {
  const { host, key, mail } = JSON.parse(line);
  const client = new Client();
  const service = new MailService();
  let answer;

  service.setClient(client);
  service.setApiKey(key);
  // which the key has set, too
  client.setDefaultRequest('baseUrl', host);

  try {
    const [{ statusCode, headers, body }] = await service.send(mail);
    answer = { status: statusCode, headers: { ...headers }, body };
  } catch (error) {
    const { headers, body } = error.response ?? {};
    answer = { status: error.code, headers: { ...headers }, body };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
