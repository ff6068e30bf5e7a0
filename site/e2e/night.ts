import type { APIRequestContext } from '@playwright/test';

import { callback, expect, Sandbox, SANDBOX } from './fixtures';

export interface Night {
  id: string;
  email: string;
  sandbox: Sandbox;
}

// A visitor who talked, wrote and paid; the owner's own system refused the message.
export async function night(request: APIRequestContext): Promise<Night> {
  const sandbox = new Sandbox(request);
  const email = `ada${Date.now()}@example.com`;
  const session_id = `owner-${Date.now()}`;

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
  await expect
    .poll(async () => {
      const { orders } = (await (await request.get(`/api/admin/orders?email=${email}`)).json()) as { orders: { stripe_session?: string }[] };
      return orders[0]?.stripe_session ?? '';
    })
    .not.toBe('');
  const { orders } = (await (await request.get(`/api/admin/orders?email=${email}`)).json()) as { orders: { stripe_session: string }[] };
  await expect(await request.post(`${SANDBOX}/_stripe`, { data: { do: 'pay', session: orders[0]!.stripe_session } })).toBeOK();
  return { id, email, sandbox };
}
