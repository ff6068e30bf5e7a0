import { Rows, Td } from '@/components/ui/table';
import { useList } from '@/hooks/use-list';
import { useFilters } from '@/hooks/use-url';
import { api, type Conversation, must, type Query } from '@/lib/admin';

import { Go, Listed, Tag, Time, to } from './parts';
import { type Filter, Search } from './Search';

const FILTERS: readonly Filter[] = [
  { name: 'status', label: 'Status', options: ['active', 'ended'] },
  { name: 'vertical', label: 'Vertical', options: ['healthcare', 'legal', 'ecommerce', 'general'] },
  { name: 'from', label: 'From', kind: 'moment' },
  { name: 'to', label: 'Before', kind: 'moment' }
];

const lasted = (seconds: number | undefined): string =>
  seconds === undefined ? '–' : `${Math.floor(seconds / 60)}:${String(Math.round(seconds % 60)).padStart(2, '0')}`;

// Where it was found, as the server cut it out.
function Found({ of: found }: { of: Conversation['found'] }) {
  return found ? (
    <p className="mt-1 max-w-prose text-sm text-muted">
      {found.in === 'transcript' ? (found.role === 'user' ? 'Visitor: ' : 'Agent: ') : 'Seen: '}
      {found.before}
      <mark className="rounded bg-accent-wash px-0.5 text-accent-ink">{found.match}</mark>
      {found.after}
    </p>
  ) : null;
}

export function Conversations() {
  const filters = useFilters<Query<'listConversations'>>('status', 'vertical', 'q', 'from', 'to');
  const list = useList<Conversation>(['conversations', filters], async (cursor, limit, signal) => {
    const page = await must(api.GET('/api/admin/conversations', { params: { query: { ...filters, limit, ...(cursor && { cursor }) } }, signal }));
    return { rows: page.conversations, next: page.next_cursor, ...(page.searched_to && { searched_to: page.searched_to }) };
  });

  return (
    <>
      <Search filters={FILTERS} words="q" hint='What was said: price, appoint*, "how long"' />
      <Listed list={list} empty="No conversation fits these filters.">
        {(rows) => (
          <Rows label="Conversations" columns={['Created', 'First question', 'Length', 'Outcome', 'Vertical', 'Campaign', 'What came of it']}>
            {rows.map((c) => (
              <tr key={c.id} data-row data-conversation={c.id}>
                <Td>
                  <Time iso={c.createdAt} />
                </Td>
                <Td className="min-w-64">
                  <Go to={to('conversation', { id: c.id })}>{c.first_question ?? c.id}</Go>
                  <Found of={c.found} />
                </Td>
                <Td className="tabular-nums">{lasted(c.length)}</Td>
                <Td>
                  <Tag of={c.outcome} />
                </Td>
                <Td>{c.vertical}</Td>
                <Td>{[c.utm_source, c.utm_medium, c.utm_campaign].filter(Boolean).join(' / ') || '–'}</Td>
                <Td>
                  <span className="flex flex-wrap gap-1.5">
                    {c.leads && <Tag of={c.leads.length === 1 ? 'a message' : `${c.leads.length} messages`} tone="good" />}
                    {c.orders?.map((o) => (
                      <Tag key={o.id} of={o.state} />
                    ))}
                    {c.deliveries?.map((d) => (
                      <Tag key={d.destination} of={`${d.destination}: ${d.dead ? `${d.dead} dead` : `${d.waiting} waiting`}`} tone={d.dead ? 'bad' : 'warm'} />
                    ))}
                    {c.repaired && <Tag of="repaired" />}
                    {!c.leads && !c.orders && !c.deliveries && !c.repaired && '–'}
                  </span>
                </Td>
              </tr>
            ))}
          </Rows>
        )}
      </Listed>
    </>
  );
}
