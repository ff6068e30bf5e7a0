import { QueryClient, QueryClientProvider, useIsFetching, useQueryClient } from '@tanstack/react-query';
import { Keyboard, RefreshCw } from 'lucide-react';
import { type ReactNode, useCallback, useEffect, useState } from 'react';

import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Input } from '@/components/ui/field';
import { useKeys } from '@/hooks/use-keys';
import { go, useUrl } from '@/hooks/use-url';
import { OWN, useZone } from '@/hooks/use-zone';
import { AdminError } from '@/lib/admin';

import { Conversations } from './Conversations';
import { Deliveries } from './Deliveries';
import { Documents } from './Documents';
import { Events, OneEvent } from './Events';
import { Inbox } from './Inbox';
import { OneConversation } from './OneConversation';
import { Overview } from './Overview';
import { Payments } from './Payments';
import { Go, to } from './parts';
import { System } from './System';
import { OneVisitor, Receipt } from './Visitor';

// People first, engineers next.
const VIEWS: readonly (readonly [name: string, title: string, view: () => ReactNode])[] = [
  ['overview', 'Overview', () => <Overview />],
  ['inbox', 'Inbox', () => <Inbox />],
  ['conversations', 'Conversations', () => <Conversations />],
  ['payments', 'Payments', () => <Payments />],
  ['visitor', 'Visitors', () => <Visitors />],
  ['documents', 'Documents', () => <Documents />],
  ['events', 'Events', () => <Events />],
  ['deliveries', 'Deliveries', () => <Deliveries />],
  ['system', 'System', () => <System />]
];

// One of them, under the list that it is of.
const ONES: Record<string, readonly [list: string, title: string, view: (id: string) => ReactNode]> = {
  conversation: ['conversations', 'Conversation', (id) => <OneConversation key={id} id={id} />],
  event: ['events', 'Event', (id) => <OneEvent key={id} id={id} />],
  erasure: ['visitor', 'Erasure', (id) => <Receipt key={id} id={id} />]
};

const KEYS = [
  ['/', 'to the search line'],
  ['j, k', 'one row on, one back'],
  ['Enter', 'opens it'],
  ['?', 'these words'],
  ['Esc', 'closes a question']
] as const;

function Visitors() {
  const [url] = useUrl();
  const key = url.get('key');

  return (
    <>
      <form
        role="search"
        aria-label="Visitor"
        className="flex max-w-2xl gap-2"
        onSubmit={(e) => {
          e.preventDefault();
          const name = String(new FormData(e.currentTarget).get('key')).trim();
          if (name) go(to('visitor', { key: name }));
        }}
      >
        <Input key={key} name="key" data-search aria-label="Address, session or user" placeholder="ada@example.com" defaultValue={key ?? ''} />
        <Button type="submit">Look</Button>
      </form>
      {key ? (
        <OneVisitor key={key} name={key} kind={url.get('kind') ?? undefined} />
      ) : (
        <p className="text-muted">By an e-mail address, or the id of a session or a user: all that is held of them, and how to erase it.</p>
      )}
    </>
  );
}

function Bar({ current, help }: { current: string; help: () => void }) {
  const zone = useZone();
  const client = useQueryClient();
  const busy = useIsFetching() > 0;

  return (
    <div className="mb-6 flex flex-wrap items-center justify-between gap-x-6 gap-y-3 border-b border-line pb-4">
      <nav aria-label="Panel" className="-mx-2 flex flex-wrap gap-1">
        {VIEWS.map(([name, title]) => (
          <Go
            key={name}
            to={to(name)}
            aria-current={name === current ? 'page' : undefined}
            className="rounded-full px-3.5 py-1.5 font-semibold text-muted hover:bg-wash hover:text-ink aria-[current=page]:bg-wash aria-[current=page]:text-ink"
          >
            {title}
          </Go>
        ))}
      </nav>
      <div className="flex flex-wrap items-center gap-2 text-sm">
        {OWN === 'UTC' ? (
          <span className="text-muted">Times of UTC</span>
        ) : (
          <button type="button" className="link" onClick={() => zone.set(!zone.utc)} title={`Show times of ${zone.utc ? OWN : 'UTC'}`}>
            Times of {zone.name}
          </button>
        )}
        <Button variant="outline" size="sm" aria-busy={busy} onClick={() => void client.invalidateQueries()}>
          <RefreshCw aria-hidden="true" /> Refresh
        </Button>
        <Button variant="outline" size="sm" aria-label="Keys" onClick={help}>
          <Keyboard aria-hidden="true" />
        </Button>
      </div>
    </div>
  );
}

function Panel() {
  const [url] = useUrl();
  const [helping, setHelping] = useState(false);
  const help = useCallback(() => setHelping(true), []);
  const asked = url.get('view') ?? 'overview';
  const one = url.get('id') ? ONES[asked] : undefined;
  const [name, title, view] = one ? [one[0], one[1], () => one[2](url.get('id')!)] : (VIEWS.find(([v]) => v === asked) ?? VIEWS[0]!);

  useKeys(help);
  useEffect(() => {
    document.title = `${title} · Admin`;
  }, [title]);

  return (
    <>
      <Bar current={name} help={help} />
      <h1 className="mb-6 text-3xl">{title}</h1>
      <div key={asked} className="flex flex-col gap-6" data-view={asked}>
        {view()}
      </div>
      <Dialog open={helping} onClose={() => setHelping(false)} title="Keys">
        <dl className="mt-4 grid grid-cols-[5rem_1fr] gap-y-2">
          {KEYS.map(([key, does]) => (
            <div key={key} className="contents">
              <dt>
                <kbd className="rounded-md bg-wash px-2 py-0.5 font-semibold">{key}</kbd>
              </dt>
              <dd>{does}</dd>
            </div>
          ))}
        </dl>
        <Button className="mt-5" onClick={() => setHelping(false)}>
          Close
        </Button>
      </Dialog>
    </>
  );
}

// Only what may be over by itself is asked again.
const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (times, error) => times < 2 && error instanceof AdminError && (error.status === 0 || error.status >= 500)
    }
  }
});

export function AdminPanel() {
  return (
    <QueryClientProvider client={client}>
      <Panel />
    </QueryClientProvider>
  );
}
