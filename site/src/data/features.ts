// All that the pages may promise: what this software does, and what people do who
// run a site with it.  A promise on a page names what it is of; e2e/pages/features.spec.ts
// finds those that name nothing, and features that no test is behind.
//
// on: what nginx must be configured to do, as its $tavus_features says.  Where it is
// not, /config.json tells, and the promise is not shown.

export type Switch = 'analytics' | 'budget' | 'checkout' | 'hooks' | 'lead_mail' | 'line' | 'memory';

interface Feature {
  by: 'software' | 'people';
  name: string;
  on?: Switch;
  // tests, or for people the page on which it is said who
  proof: readonly string[];
}

export const FEATURES = {
  talk: {
    by: 'software',
    name: 'Conversations face to face, in the page',
    proof: ['site/e2e/talk/widget.spec.ts', 'site/e2e/talk/daily.spec.ts', 't/conversation_create.t']
  },
  honest: { by: 'software', name: 'The agent is introduced as an AI', proof: ['site/e2e/talk/widget.spec.ts'] },
  sound: { by: 'software', name: 'With sound alone, by typing, or without devices', proof: ['site/e2e/talk/daily.spec.ts', 'site/e2e/talk/call.spec.ts'] },
  documents: { by: 'software', name: 'Answers from your documents', proof: ['t/documents_change.t', 't/conversation_create.t'] },
  verticals: { by: 'software', name: 'An agent for each topic', proof: ['t/conversation_create.t', 'site/e2e/pages/config.spec.ts'] },
  ends: { by: 'software', name: 'A limit for each call', proof: ['t/conversation_create.t', 'site/e2e/talk/call.spec.ts'] },
  transcripts: { by: 'software', name: 'The transcript of every conversation', proof: ['site/e2e/talk/journey.spec.ts', 't/admin_conversation.t'] },
  panel: { by: 'software', name: 'An admin panel with every event', proof: ['site/e2e/talk/admin.spec.ts', 'site/e2e/talk/owner.spec.ts', 't/admin_events.t'] },
  search: { by: 'software', name: 'Search in all that was said', proof: ['t/admin_search.t', 't/admin_words.t'] },
  export: { by: 'software', name: 'Export as CSV and NDJSON', proof: ['t/admin_export.t'] },
  contact: { by: 'software', name: 'A contact form beside every agent', proof: ['site/e2e/talk/forms.spec.ts', 't/contact_form.t'] },
  keys: { by: 'software', name: 'Keys that never leave the server', proof: ['t/log_flood.t', 'site/e2e/pages/delivery.spec.ts'] },
  stored: { by: 'software', name: 'Stored before it is acknowledged', proof: ['t/lifecycle_kill.t', 't/store_once.t'] },
  own_data: { by: 'software', name: 'All data in a database of your own', proof: ['t/store_once.t', 't/erase_words.t'] },
  retention: { by: 'software', name: 'Kept for as long as you say', proof: ['t/site_retention.t', 't/retention_kinds.t'] },
  quiet: { by: 'software', name: 'No other host before a click', proof: ['site/e2e/pages/delivery.spec.ts', 'site/e2e/talk/privacy.spec.ts'] },
  words: { by: 'software', name: 'Every failure has words and a way on', proof: ['site/e2e/talk/widget.spec.ts', 'site/e2e/talk/line.spec.ts'] },
  accessible: { by: 'software', name: 'For keyboard, screen reader and slow lines', proof: ['site/e2e/pages/pages.spec.ts'] },
  line: { by: 'software', name: 'A waiting line with place and estimate', on: 'line', proof: ['site/e2e/talk/line.spec.ts', 't/queue_place.t'] },
  budget: { by: 'software', name: 'Limits for minutes and conversations', on: 'budget', proof: ['t/budget_day.t', 't/budget_minutes.t', 't/budget_visitor.t'] },
  lead_mail: { by: 'software', name: 'Leads by e-mail', on: 'lead_mail', proof: ['t/mail_lead.t'] },
  analytics: {
    by: 'software',
    name: 'PostHog or Google Analytics, with consent',
    on: 'analytics',
    proof: ['t/deliver_again.t', 'site/e2e/talk/privacy.spec.ts']
  },
  hooks: { by: 'software', name: 'Events sent on to your own systems', on: 'hooks', proof: ['t/deliver_again.t'] },
  memory: { by: 'software', name: 'Visitors who come back are remembered', on: 'memory', proof: ['t/conversation_visitor.t'] },
  checkout: { by: 'software', name: 'Payment by Stripe', on: 'checkout', proof: ['site/e2e/talk/checkout.spec.ts', 't/checkout_create.t'] },

  support: { by: 'people', name: 'E-mail support', proof: ['site/src/pages/contact.astro'] },
  setup: { by: 'people', name: 'Set up together with you', proof: ['site/src/pages/contact.astro'] },
  packs: { by: 'people', name: 'Packs of minutes', proof: ['site/src/data/prices.ts'] },
  languages: { by: 'people', name: 'Agents in more languages', proof: ['site/src/data/prices.ts'] },
  phone: { by: 'people', name: 'A phone menu', proof: ['site/src/data/prices.ts'] },
  service_level: { by: 'people', name: 'Agreed response times', proof: ['site/src/data/prices.ts'] },
  capacity: { by: 'people', name: 'A higher cap at once', proof: ['site/src/data/prices.ts'] },
  face: { by: 'people', name: 'A face of your own', proof: ['site/src/data/prices.ts'] },
  baa: { by: 'people', name: 'A BAA', proof: ['site/src/pages/legal/baa.astro'] }
} as const satisfies Record<string, Feature>;

export type FeatureId = keyof typeof FEATURES;

export const featureOf = (id: FeatureId): Feature => FEATURES[id];

// The attributes of what promises; scripts/site.ts shows it where it is configured.
export function promises(...of: FeatureId[]): { 'data-of': string; 'data-on'?: string } {
  const on = of.flatMap((id) => featureOf(id).on ?? []);

  return { 'data-of': of.join(' '), ...(on.length > 0 && { 'data-on': on.join(' ') }) };
}

// What there is in every plan, in the order in which it is shown.
export const EVERYWHERE: FeatureId[] = [
  'talk',
  'documents',
  'verticals',
  'transcripts',
  'panel',
  'search',
  'export',
  'line',
  'budget',
  'memory',
  'lead_mail',
  'analytics',
  'hooks',
  'own_data',
  'contact'
];
