// What differs between deployments: ops write it in nginx.conf, as the answer
// of /config.json.  A deployment without it gets the defaults.

import { DAYS, type Kind } from '@/data/retention';
import type { Switch } from '@/data/features';
import { EMAIL, type Vertical } from '@/data/site';

export interface Config {
  contact_email: string;
  tracking: boolean;
  // something is sent on about visitors, so they are asked
  consent: boolean;
  posthog_key: string;
  verticals: Vertical[];
  // there is a location with tavus_checkout
  checkout: boolean;
  // what is configured here of what the pages may promise
  features: Switch[];
  // for how many days what is kept
  retention: Partial<Record<Kind, number>>;
  // other prices than those built in, for pricesOf()
  prices?: unknown;
  sandbox: boolean;
}

const DEFAULTS: Config = {
  contact_email: EMAIL,
  tracking: true,
  consent: false,
  posthog_key: '',
  verticals: ['healthcare', 'legal', 'ecommerce', 'general'],
  checkout: false,
  features: [],
  retention: DAYS,
  sandbox: false
};

let loaded: Promise<Config> | undefined;

export function config(): Promise<Config> {
  loaded ??= fetch('/config.json')
    .then((r) => (r.ok ? r.json() : {}) as Promise<Partial<Config>>)
    .then((c) => ({ ...DEFAULTS, ...c }))
    .catch(() => DEFAULTS);
  return loaded;
}
