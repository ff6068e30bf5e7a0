// posthog-js itself, for who configures a key, once the visitor has agreed.
// It speaks to this origin; nginx passes it on (site/nginx/optional/posthog.conf).

import { config } from './config';
import { answer, visitor } from './visitor';

let begun = false;

export async function start(): Promise<void> {
  const { posthog_key: key } = await config();
  if (!key || answer() !== 'granted') return;

  // the build that loads no code from elsewhere: the policy would refuse it
  const { default: posthog } = await import('posthog-js/dist/module.no-external');

  // as they are now: the answer may be another meanwhile
  const { user_id, session_id } = visitor();

  if (!user_id) return;

  if (begun) {
    // a yes after a no: somebody new, to whom nothing of before belongs
    posthog.reset({ bootstrap: { distinctID: user_id, isIdentifiedID: true, sessionID: session_id } });
    posthog.register({ site_session_id: session_id });
    return;
  }
  begun = true;

  posthog.init(key, {
    api_host: `${location.origin}/relay`,
    ui_host: 'https://us.posthog.com',
    // the ids that the server tells of this visitor and visit, too
    bootstrap: { distinctID: user_id, isIdentifiedID: true, sessionID: session_id },
    person_profiles: 'identified_only',
    // what the browser keeps is ours to say
    persistence: 'memory',
    // a withdrawal counts at once, in all tabs: nothing waits to be sent
    request_batching: false,
    before_send: (event) => (answer() === 'granted' ? event : null),
    disable_session_recording: true,
    disable_surveys: true,
    advanced_disable_flags: true,
    capture_performance: false,
    // what the site counts, it counts on the server
    capture_pageview: false,
    capture_pageleave: false,
    autocapture: true,
    loaded: (p) => p.register({ site_session_id: session_id })
  });
}
