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
