// What the pages share.  The name is the owner's to change, here.

export const NAME = 'Parley';
export const EMAIL = 'hello@example.com';

export const NAV = [
  { href: '/demos', label: 'Demos' },
  { href: '/pricing', label: 'Pricing' },
  { href: '/roi-calculator', label: 'ROI' },
  { href: '/about', label: 'About' },
  { href: '/contact', label: 'Contact' }
] as const;

export type Vertical = 'healthcare' | 'legal' | 'ecommerce' | 'general';

export interface Demo {
  vertical: Exclude<Vertical, 'general'>;
  title: string;
  short: string;
  headline: string;
  lead: string;
  asks: string[];
  does: { title: string; text: string }[];
  never: string;
}

export const DEMOS: Demo[] = [
  {
    vertical: 'healthcare',
    title: 'Healthcare',
    short: 'Front desk that is never on hold',
    headline: 'The front desk that never puts anyone on hold.',
    lead: 'A patient who calls at ten at night wants to know whether you take '
      + 'their insurance, what to bring, and when to come. They can ask, face '
      + 'to face, and be understood.',
    asks: ['What should I bring to my first visit?',
      'Do you have anything free on Thursday?',
      'How do I get a copy of my records?'],
    does: [
      { title: 'First questions', text: 'Opening hours, preparation, forms and directions, from the documents you give it.' },
      { title: 'Intake by conversation', text: 'Takes down the reason for a visit in the patient’s own words, for your staff to read.' },
      { title: 'Knows when to stop', text: 'Symptoms and emergencies go to people. It says so, and says where to call.' }
    ],
    never: 'It does not diagnose, and it does not replace a clinician.'
  },
  {
    vertical: 'legal',
    title: 'Legal',
    short: 'Intake that listens before it files',
    headline: 'Intake that listens before it files.',
    lead: 'People who need a lawyer are rarely calm. An agent with time for '
      + 'the whole story asks what your intake form asks, in the order in '
      + 'which it is told.',
    asks: ['I was let go last week. Do I have a case?',
      'What does a first consultation cost?',
      'Which papers should I send you?'],
    does: [
      { title: 'The whole story', text: 'Parties, dates and documents, gathered in a conversation and kept as a transcript.' },
      { title: 'Your practice areas', text: 'Answers from your own material on what you take on, and says when you do not.' },
      { title: 'Nothing promised', text: 'No advice, no odds, no client relationship. Your people decide what comes next.' }
    ],
    never: 'It does not give legal advice, and talking to it makes nobody a client.'
  },
  {
    vertical: 'ecommerce',
    title: 'E-commerce',
    short: 'A shop assistant on every page',
    headline: 'A shop assistant on every page.',
    lead: 'Filters answer questions that nobody has. An assistant who knows '
      + 'your catalogue asks the two that matter, and then shows what fits.',
    asks: ['I need a gift for somebody who has everything.',
      'Will this fit in a small kitchen?',
      'How do I return it if it does not?'],
    does: [
      { title: 'Finds the right thing', text: 'Asks for the occasion, the budget and the taste, and narrows it down.' },
      { title: 'Knows the small print', text: 'Delivery, returns and care, as your own pages have it.' },
      { title: 'Remembers the talk', text: 'If you switch visitor memory on, somebody who comes back need not start again.' }
    ],
    never: 'It never takes a card number. Paying stays where it is.'
  }
];

export const PLANS = [
  { id: 'basic', name: 'Basic', price: 25, minutes: 25, text: 'To try it on one page, with real visitors.', points: ['One agent', 'Transcripts of every conversation', 'E-mail support'] },
  { id: 'starter', name: 'Starter', price: 199, minutes: 150, text: 'For one site that wants to answer by itself.', points: ['One agent, your documents', 'Leads by e-mail', 'Admin panel with every event'] },
  { id: 'growth', name: 'Growth', price: 599, minutes: 1200, text: 'For a team that works with what it hears.', points: ['Agents for several verticals', 'Visitor memory', 'Analytics in your own tools'] },
  { id: 'scale', name: 'Scale', price: 1499, minutes: 5000, text: 'For many conversations at the same time.', points: ['Everything in Growth', 'Room for add-ons below', 'Help with moving in'] }
] as const;

export const ADD_ONS = [
  { id: 'minutes_1k', name: '1,000 more minutes', price: 40, text: 'On top of any plan, as often as you need.' },
  { id: 'multilingual', name: 'More languages', price: 39, text: 'The agent answers in the visitor’s language.' },
  { id: 'ivr', name: 'Phone menu', price: 59, text: 'Callers reach the agent by voice.' },
  { id: 'sla', name: 'Service level', price: 99, text: 'Agreed response times, in writing.' },
  { id: 'concurrency', name: 'More at once', price: 49, text: 'A higher cap on simultaneous conversations.' },
  { id: 'replica', name: 'Your own face', price: 199, text: 'A replica made from your recording.' },
  { id: 'hipaa', name: 'HIPAA', price: 59, text: 'For covered entities, with a BAA.' }
] as const;

export type PlanId = (typeof PLANS)[number]['id'];
export type AddOnId = (typeof ADD_ONS)[number]['id'];

export interface Price { price: number; minutes: number }

// The smallest plan that holds so many minutes; past the largest, packs of a
// thousand come on top.
export function fitting(minutes: number,
  prices: Record<string, Price>): { id: string; packs: number; total: number } {
  const plans = Object.entries(prices).sort(([, a], [, b]) => a.minutes - b.minutes);
  const [id, plan] = plans.find(([, p]) => p.minutes >= minutes) ?? plans.at(-1)!;
  const packs = Math.max(0, Math.ceil((minutes - plan.minutes) / 1000));

  return { id, packs, total: plan.price + packs * ADD_ONS[0].price };
}

export const usd = (n: number): string => '$' + Math.round(n).toLocaleString('en-US');
