// What differs between deployments: ops write it in nginx.conf, as the answer
// of /config.json.  A deployment without it gets the defaults.

import { DAYS, type Kind } from './retention';
import { EMAIL, type Vertical } from './site';

export interface Config {
  contact_email: string;
  tracking: boolean;
  // something is sent on about visitors, so they are asked
  consent: boolean;
  posthog_key: string;
  verticals: Vertical[];
  // there is a location with tavus_checkout
  checkout: boolean;
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
