// For how many days what is kept, as the sample configuration has it: what the
// privacy notice says before /config.json has told what it is here.

export const DAYS = { events: 400, browser: 90, contacts: 180, transcripts: 180, trail: 400 };

export type Kind = keyof typeof DAYS;

export const daysOf = (n: unknown): string | undefined =>
  typeof n === 'number' && n >= 1 ? (n === 1 ? 'a day' : `${Math.ceil(n).toLocaleString('en')} days`) : undefined;
