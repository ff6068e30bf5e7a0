import { useVirtualizer } from '@tanstack/react-virtual';
import { ChevronRight } from 'lucide-react';
import { useRef, useState } from 'react';

import type { SystemEvent } from '@/lib/admin';
import { cn } from '@/lib/cn';

import { EventBody } from './EventBody';
import { Go, Tag, Time, to } from './parts';

// Rows of events, of which only those in sight exist; the body opens under its row.
export function EventTable({ events, brief = false, total }: { events: SystemEvent[]; brief?: boolean; total?: number }) {
  const box = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const rows = useVirtualizer({
    count: events.length,
    getScrollElement: () => box.current,
    estimateSize: () => 49,
    getItemKey: (i) => events[i]!.id,
    // a page is there whole, so that the browser finds in it what is looked for
    overscan: events.length <= 200 ? 200 : 12
  });
  const columns = brief ? 'grid-cols-[2.5rem_12.5rem_minmax(10rem,1fr)_6rem]' : 'grid-cols-[2.5rem_12.5rem_7.5rem_minmax(12rem,1fr)_6rem_minmax(9rem,14rem)]';
  const width = brief ? 'min-w-[38rem]' : 'min-w-[56rem]';
  const cell = 'min-w-0 truncate px-2 py-3';

  return (
    <div
      ref={box}
      role="table"
      aria-label="Events"
      aria-rowcount={(total ?? events.length) + 1}
      tabIndex={0}
      className="max-h-[70vh] overflow-auto rounded-card border border-line bg-surface text-sm"
    >
      <div role="rowgroup" className={cn('sticky top-0 z-10 border-b border-line bg-surface', width)}>
        <div role="row" className={cn('grid font-semibold text-muted', columns)}>
          {['', 'Time', ...(brief ? [] : ['Type']), 'Event', 'Source', ...(brief ? [] : ['Conversation'])].map((name) => (
            <span key={name} role="columnheader" className={cell}>
              {name || <span className="sr-only">Body</span>}
            </span>
          ))}
        </div>
      </div>
      <div role="rowgroup" className={cn('relative', width)} style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map(({ index, key, start }) => {
          const e = events[index]!;
          const shown = open.has(e.id);

          return (
            <div
              key={key}
              ref={rows.measureElement}
              data-index={index}
              className="absolute inset-x-0 top-0 border-b border-line"
              style={{ transform: `translateY(${start}px)` }}
            >
              <div role="row" aria-rowindex={index + 2} data-row data-event={e.event_type ?? ''} className={cn('grid items-center', columns)}>
                <span role="cell" className="p-1">
                  <button
                    type="button"
                    className="grid size-9 place-items-center rounded-full hover:bg-wash"
                    aria-expanded={shown}
                    aria-label={`${shown ? 'Hide' : 'Show'} ${e.event_type ?? 'the event'}`}
                    onClick={() => {
                      const next = new Set(open);
                      if (!next.delete(e.id)) next.add(e.id);
                      setOpen(next);
                    }}
                  >
                    <ChevronRight aria-hidden="true" className={cn('size-4 transition-transform', shown && 'rotate-90')} />
                  </button>
                </span>
                <span role="cell" className={cell}>
                  <Time iso={e.timestamp} />
                </span>
                {!brief && (
                  <span role="cell" className={cell}>
                    <Tag of={e.type} />
                  </span>
                )}
                <span role="cell" className={cn(cell, 'font-semibold')}>
                  <Go to={to('event', { id: e.id })}>{e.event_type ?? '–'}</Go>
                </span>
                <span role="cell" className={cell}>
                  {e.source}
                  {e.repaired && ', repaired'}
                </span>
                {!brief && (
                  <span role="cell" className={cell}>
                    {e.conversationId ? <Go to={to('conversation', { id: e.conversationId })}>{e.conversationId}</Go> : '–'}
                  </span>
                )}
              </div>
              {shown && (
                <div role="row">
                  <div role="cell" aria-colspan={brief ? 4 : 6} className="px-4 pb-4">
                    <EventBody event={e} />
                  </div>
                </div>
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}
