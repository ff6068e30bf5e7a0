import type { Page, Route } from '@playwright/test';

// Daily's half of a call.  daily-js loads it from Daily when a room is
// joined, and speaks with it in window messages; here it is so much of it as
// a call of two needs, and the test says what happens in the room.  All else
// is what a visitor gets: daily-js, daily-react, cvi-ui, and this site.

export const ROOM = 'https://tavus.daily.co/c0ffee00c0ffee';

export interface Message {
  action: string;
  [more: string]: unknown;
}

type Replica = 'there' | 'late' | 'never';

interface Machine {
  heard: Message[];
  joined: number;
  agent: unknown;
  tell: (message: Message) => void;
}

type Stand = Window & { callMachine: Machine };

function machine({ replica }: { replica: Replica }): void {
  const track = (state: string) => ({ state, subscribed: true, off: state === 'off' ? { byUser: true } : undefined });
  const person = (id: string, local: boolean) => ({
    session_id: id,
    user_id: local ? id : 'tavus-replica-r1',
    user_name: local ? '' : 'Agent',
    local,
    owner: false,
    audio: false,
    video: false,
    screen: false,
    joined_at: new Date(),
    will_eject_at: new Date(0),
    record: false,
    permissions: { hasPresence: true, canSend: true, canReceive: { base: true }, canAdmin: false },
    tracks: { audio: track('off'), video: track('off'), screenAudio: track('off'), screenVideo: track('off') }
  });
  const agent = person('agent', false);
  const heard: Message[] = [];
  let client = '';

  const tell = (message: Message) => postMessage({ ...message, what: 'iframe-call-message', callClientId: client, from: 'embedded' }, location.origin);

  addEventListener('message', ({ data }) => {
    if (data?.what !== 'iframe-call-message' || data.from !== 'module') return;
    heard.push(data as Message);
    client = data.callClientId as string;

    if (data.action === 'join-meeting') {
      const state = { local: { streams: {}, public: {} }, participants: {}, streams: {} };
      const daily = (window as unknown as { _daily: { instances: Record<string, object> } })._daily;
      Object.assign(daily.instances[client]!, { callMachine: { store: { getState: () => state }, reset() {} } });
      stand.joined = Date.now();
      tell({ action: 'joined-meeting', participants: { local: person('me', true), ...(replica === 'there' && { agent }) } });
      if (replica === 'late') tell({ action: 'participant-joined', participant: agent });
    }
    if (data.action === 'leave-meeting') tell({ action: 'left-meeting' });
  });

  const stand = ((window as unknown as Stand).callMachine = { heard, tell, joined: 0, agent });
}

// The policy is that of a deployment with Tavus itself, as t/sandbox/run writes it;
// the sandbox's lets nothing of Daily in.
export async function standIn(page: Page, replica: Replica = 'late', path = '/'): Promise<void> {
  await page.route(
    (url) => url.pathname === path,
    async (route: Route) => {
      const response = await route.fetch();
      const headers = response.headers();
      const policy = headers['content-security-policy']!.replace(/script-src [^;]*/, "$& https://*.daily.co 'wasm-unsafe-eval'")
        .replace(/connect-src [^;]*/, '$& https://*.daily.co wss://*.daily.co')
        .replace(/frame-src [^;]*/, '$& https://*.daily.co');

      await route.fulfill({ response, headers: { ...headers, 'content-security-policy': policy } });
    }
  );
  await page.route('https://*.daily.co/**', (route) =>
    route.request().url().endsWith('/call-machine-object-bundle.js')
      ? route.fulfill({
          contentType: 'text/javascript',
          headers: { 'Cross-Origin-Resource-Policy': 'cross-origin' },
          body: `(${machine.toString()})(${JSON.stringify({ replica })})`
        })
      : route.abort()
  );
}

export const tell = (page: Page, message: Message): Promise<void> => page.evaluate((m) => (window as unknown as Stand).callMachine.tell(m), message);

export const tellAgent = (page: Page, action: 'participant-joined' | 'participant-left'): Promise<void> =>
  page.evaluate((a) => {
    const { tell, agent } = (window as unknown as Stand).callMachine;
    tell({ action: a, participant: agent });
  }, action);

// By the page's clock.
export const joinedAt = (page: Page): Promise<number> => page.evaluate(() => (window as unknown as Stand).callMachine.joined);

// What daily-js asked of it.
export const heard = (page: Page, action: string): Promise<Message[]> =>
  page.evaluate((a) => ((window as unknown as Stand).callMachine?.heard ?? []).filter((m) => m.action === a), action);
