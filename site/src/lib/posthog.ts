// posthog-js itself, for who configures a key, once the visitor has agreed.
// It speaks to this origin; nginx passes it on (site/nginx/posthog.conf).

import { config } from './config';
import { sessionId } from './tracking';

const KEY = 'analytics_consent';

export type Consent = 'granted' | 'denied' | undefined;

export function consent(): Consent {
  try {
    return (localStorage.getItem(KEY) ?? undefined) as Consent;
  } catch {
    return 'denied';
  }
}

export function decide(answer: 'granted' | 'denied'): void {
  try {
    localStorage.setItem(KEY, answer);
  } catch { /* asked again on the next page */ }
  if (answer === 'granted') void start();
}

export async function start(): Promise<void> {
  const { posthog_key: key } = await config();
  if (!key || consent() !== 'granted') return;

  // the build that loads no code from elsewhere: the policy would refuse it
  const { default: posthog } = await import('posthog-js/dist/module.no-external');

  posthog.init(key, {
    api_host: `${location.origin}/relay`,
    ui_host: 'https://us.posthog.com',
    person_profiles: 'identified_only',
    disable_session_recording: true,
    // what the site counts, it counts on the server
    capture_pageview: false,
    autocapture: true,
    loaded: (p) => p.register({ site_session_id: sessionId() })
  });
}
