import { JsonView } from 'react-json-view-lite';

import type { SystemEvent } from '@/lib/admin';

import { Act, Copy, Go, to } from './parts';
import { api, must } from '@/lib/admin';

const style = {
  container: 'json max-h-96 overflow-auto rounded-xl bg-wash p-3 font-mono text-xs leading-relaxed break-words',
  basicChildStyle: 'json-child',
  childFieldsContainer: 'json-children',
  label: 'json-label',
  clickableLabel: 'json-label cursor-pointer',
  nullValue: 'text-muted',
  undefinedValue: 'text-muted',
  numberValue: 'text-accent-ink',
  stringValue: 'text-good whitespace-pre-wrap',
  booleanValue: 'text-accent-ink',
  otherValue: 'text-ink',
  punctuation: 'text-muted',
  expandIcon: 'json-expand',
  collapseIcon: 'json-collapse',
  collapsedContent: 'json-more',
  noQuotesForStringValues: false,
  quotesForFieldNames: false,
  ariaLables: { collapseJson: 'Collapse', expandJson: 'Expand' },
  stringifyStringValues: true
};

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

// How anybody gets it from a shell.
export const curl = (path: string): string => `curl -u admin ${quoted(`${location.origin}/api/admin/${path}`)}`;

// What came, as a tree; to be copied, asked for from a shell, and verified once more.
export function EventBody({ event, whole = false }: { event: Pick<SystemEvent, 'id' | 'data' | 'source'>; whole?: boolean }) {
  const { id, data, source } = event;
  const tree = typeof data === 'object' && data !== null;

  return (
    <div className="flex flex-col gap-3">
      {tree ? (
        <JsonView data={data} shouldExpandNode={(level) => level < (whole ? 4 : 2)} style={style} />
      ) : (
        <pre className="max-h-96 overflow-auto rounded-xl bg-wash p-3 text-xs whitespace-pre-wrap break-words" tabIndex={0}>
          {typeof data === 'string' ? data : JSON.stringify(data)}
        </pre>
      )}
      <div className="flex flex-wrap items-center gap-2">
        <Copy label="Copy" text={JSON.stringify(data, null, 2)} />
        <Copy label="Copy as curl" text={curl(`events/${id}`)} />
        {(source === 'tavus' || source === 'stripe' || source === 'standard') && (
          <Act
            label="Verify again"
            act={() => must(api.POST('/api/admin/events/{id}/verify', { params: { path: { id } }, body: {} }))}
            done={(p) =>
              p.verified
                ? 'These are the bytes that came'
                : p.verified === null
                  ? `Nobody can tell: ${(p.reason ?? '').replaceAll('_', ' ')}`
                  : `Not what came: ${(p.reason ?? '').replaceAll('_', ' ')}`
            }
          />
        )}
        {!whole && <Go to={to('event', { id })}>By itself</Go>}
      </div>
    </div>
  );
}
