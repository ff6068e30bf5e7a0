// Who is here, as far as the visitor has agreed to be known, and what the
// browser keeps of it: nothing before an answer, after a no the answer alone.
// The privacy notice says the same; site/e2e/talk/privacy.spec.ts compares.

import { uuid } from './uuid';

export type Consent = 'granted' | 'denied';

const TAGS = ['utm_source', 'utm_medium', 'utm_campaign'] as const;

type Utm = Partial<Record<(typeof TAGS)[number], string>>;

export interface Visitor extends Utm {
  session_id: string;
  user_id?: string;
  consent?: Consent;
}

const ANSWER = 'analytics_consent'; // localStorage, after any answer
const USER = 'user_id'; // localStorage, after a yes
const UTM = 'utm'; // localStorage, after a yes
const SESSION = 'session_id'; // sessionStorage, after a yes

// without an answer a page is a visit
let memory: Record<string, string> = {};

// null: the browser keeps nothing, so there is no use in asking.  Read each
// time, as another tab may have been told otherwise.
export function answer(): Consent | undefined | null {
  try {
    const said = localStorage.getItem(ANSWER);
    return said === 'granted' || said === 'denied' ? said : undefined;
  } catch {
    return null;
  }
}

function kept(store: 'localStorage' | 'sessionStorage', key: string, make: () => string): string {
  try {
    const found = window[store].getItem(key);
    if (found) return found;
    const made = (memory[key] ??= make());
    if (made) window[store].setItem(key, made);
    return made;
  } catch {
    return (memory[key] ??= make());
  }
}

// What brought the visitor here, as the address of this page has it: at most
// what the server takes, 200 bytes.
function tags(): string {
  const query = new URLSearchParams(location.search);
  const found: Utm = {};

  for (const name of TAGS) {
    const value = [...(query.get(name) ?? '').replace(/\p{Cc}/gu, '')].slice(0, 50).join('');
    if (value) found[name] = value;
  }
  return Object.keys(found).length ? JSON.stringify(found) : '';
}

// PostHog takes no session but a UUIDv7, nor one that began after an event of
// it by the server's clock.
function visit(): string {
  return uuid(Date.now() - 60_000);
}

function parsed(text: string): Utm {
  try {
    return text ? (JSON.parse(text) as Utm) : {};
  } catch {
    return {};
  }
}

// What goes with whatever is sent.
export function visitor(): Visitor {
  const said = answer() ?? undefined;

  if (said !== 'granted') {
    return { ...parsed((memory[UTM] ??= tags())), session_id: (memory[SESSION] ??= visit()), consent: said };
  }
  return {
    // the first touch counts: it is never replaced
    ...parsed(kept('localStorage', UTM, tags)),
    session_id: kept('sessionStorage', SESSION, visit),
    user_id: kept('localStorage', USER, uuid),
    consent: said
  };
}

// Nobody is known any more, here or in the next page.
export function forget(): void {
  memory = {};
  try {
    for (const key of [USER, UTM]) localStorage.removeItem(key);
    sessionStorage.removeItem(SESSION);
  } catch {
    /* nothing is kept, then */
  }
}

export function keep(said: Consent): void {
  try {
    localStorage.setItem(ANSWER, said);
  } catch {
    /* asked again on the next page */
  }
}

// Tells of an answer that was given in another tab, or while this page was put
// aside.
export function elsewhere(told: () => void): void {
  const look = () => {
    if (answer() !== 'granted') forget();
    told();
  };

  addEventListener('storage', (event) => {
    if (event.key === ANSWER || event.key === null) look();
  });
  addEventListener('pageshow', (event) => {
    if (event.persisted) look();
  });
}
