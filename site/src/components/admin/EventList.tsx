import { Table, Td, Th } from '@/components/ui/table';
import type { SystemEvent } from '@/lib/admin';

import { Go, Time, TypeBadge } from './parts';

// One row an event; the body opens under it.
export function EventRows({ events, showConversation = true }: { events: SystemEvent[]; showConversation?: boolean }) {
  return (
    <Table aria-label="Events">
      <thead>
        <tr>
          <Th>Time</Th>
          <Th>Type</Th>
          <Th>Event</Th>
          <Th>Source</Th>
          {showConversation && <Th>Conversation</Th>}
          <Th>Data</Th>
        </tr>
      </thead>
      <tbody>
        {events.map((e) => (
          <tr key={e.id} data-event={e.event_type}>
            <Td>
              <Time iso={e.timestamp} />
            </Td>
            <Td>
              <TypeBadge type={e.type} />
            </Td>
            <Td className="font-semibold">{e.event_type}</Td>
            <Td>
              {e.source}
              {e.repaired && ', repaired'}
            </Td>
            {showConversation && (
              <Td>{e.conversationId ? <Go to={`?view=conversation&id=${encodeURIComponent(e.conversationId)}`}>{e.conversationId}</Go> : '–'}</Td>
            )}
            <Td className="min-w-48">
              <details>
                <summary className="link w-fit">Show</summary>
                <pre
                  className="mt-2 max-h-80 max-w-xl overflow-auto rounded-xl bg-wash p-3 text-xs leading-relaxed whitespace-pre-wrap break-words"
                  tabIndex={0}
                >
                  {JSON.stringify(e.data, null, 2)}
                </pre>
              </details>
            </Td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}
