// What the server takes of a contact form, and says of what it does not: the
// table of ngx_tavus_contact.c (site/e2e/talk/forms.spec.ts compares).

export type Name = 'name' | 'email' | 'company' | 'phone' | 'message';

// min, max: characters; min 0: may be absent
export const FIELDS: { name: Name; min: number; max: number; few: string }[] = [
  { name: 'name', min: 2, max: 200, few: 'Tell us your name, with at least two letters.' },
  { name: 'email', min: 3, max: 254, few: 'Tell us your e-mail address, so that we can answer.' },
  { name: 'company', min: 0, max: 200, few: '' },
  { name: 'phone', min: 0, max: 40, few: '' },
  { name: 'message', min: 10, max: 5000, few: 'A few more words, please: at least ten letters.' }
];

export const NAMES = FIELDS.map((f) => f.name);

// What can be an address; whether it is one, only a mail to it would tell.
export function isEmail(text: string): boolean {
  const [local, domain, more] = text.split('@');

  return (
    /^[!-~]+$/.test(text) &&
    !/["(),:;<>[\\\]]/.test(text) &&
    more === undefined &&
    !!local &&
    local.length <= 64 &&
    !!domain &&
    domain.includes('.') &&
    [local, domain].every((part) => part.split('.').every(Boolean))
  );
}

const length = (text: string): number => [...text].length;

// What is wrong with a value that has no blanks at its ends.
export function fault(name: Name, value: string): string | undefined {
  const { min, max, few } = FIELDS.find((f) => f.name === name)!;
  const n = length(value);

  if (n < min) return few;
  if (n > max) return `At most ${max.toLocaleString('en-US')} characters, please: there are ${n.toLocaleString('en-US')}.`;
  if ((name === 'message' ? /[^\P{Cc}\t\n\r\x80-\x9f]/u : /[^\P{Cc}\x80-\x9f]/u).test(value)) {
    return 'There is a character in it that cannot be sent: type it anew.';
  }
  if (name === 'email' && !isEmail(value)) return 'This does not look like an e-mail address.';
  return undefined;
}
