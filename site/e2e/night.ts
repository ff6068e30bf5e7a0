import type { APIRequestContext } from '@playwright/test';

import { callback, expect, Sandbox, SANDBOX } from './fixtures';

export interface Night {
  id: string;
  email: string;
  sandbox: Sandbox;
}

interface Order {
  state: string;
  stripe_session?: string;
}

// A visitor who talked, wrote and paid; the owner's own system refused the message.
export async function night(request: APIRequestContext): Promise<Night> {
  const sandbox = new Sandbox(request);
  const email = `ada${Date.now()}@example.com`;
  const session_id = `owner-${Date.now()}`;

  const there = <T>(path: string, name: string, is: (row: T) => boolean = () => true) =>
    expect.poll(async () => ((await (await request.get(`/api/admin/${path}`)).json()) as Record<string, T[]>)[name]?.some(is), { message: path }).toBe(true);

  await sandbox.reset();
  const created = (await (await request.post('/api/tavus/create-conversation', { data: { vertical: 'legal', session_id, consent: 'granted' } })).json()) as {
    conversation_id: string;
    end_token: string;
  };
  const id = created.conversation_id;

  await callback(request, {
    event_type: 'application.transcription_ready',
    conversation_id: id,
    properties: {
      transcript: [
        { role: 'user', content: 'Do you take walk-ins on Friday?' },
        { role: 'assistant', content: 'We do, until noon.' }
      ]
    }
  });
  await request.post('/api/tavus/end-conversation', { data: { conversation_id: id, end_token: created.end_token } });
  await sandbox.fault({ path: '/hooks/crm', kind: 'status', status: 400, times: 1 });
  await expect(
    await request.post('/api/contact', {
      data: {
        name: 'Ada Example',
        email,
        message: 'Please call me back about Friday.',
        session_id,
        conversation_id: id,
        consent: 'granted',
        utm_source: 'letter'
      }
    })
  ).toBeOK();
  await expect(await request.post('/api/stripe/checkout', { data: { plan: 'starter', email, session_id, conversation_id: id } })).toBeOK();
  await there<Order>(`orders?email=${email}`, 'orders', (o) => !!o.stripe_session);
  const { orders } = (await (await request.get(`/api/admin/orders?email=${email}`)).json()) as { orders: Order[] };
  await expect(await request.post(`${SANDBOX}/_stripe`, { data: { do: 'pay', session: orders[0]!.stripe_session } })).toBeOK();

  // by morning the readers of the log have made of it what the panel shows
  await there<Order>(`orders?email=${email}`, 'orders', (o) => o.state === 'paid');
  await there(`leads?email=${email}`, 'leads');
  await there(`deliveries?destination=crm&state=dead`, 'deliveries');
  await there<{ id: string }>('conversations?q=%22walk-ins+on+friday%22', 'conversations', (c) => c.id === id);
  return { id, email, sandbox };
}
