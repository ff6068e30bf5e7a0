import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useRef, useState } from 'react';

import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { Field, Input } from '@/components/ui/field';
import { Rows, Td } from '@/components/ui/table';
import { failure } from '@/hooks/use-list';
import { useFilters } from '@/hooks/use-url';
import { type Document, api, must, PAGE, type Query } from '@/lib/admin';

import { Act, Empty, Failed, Skeleton, Tag, Time } from './parts';
import { type Filter, Search } from './Search';

const FILTERS: readonly Filter[] = [
  { name: 'status', label: 'Status', options: ['started', 'processing', 'ready', 'error', 'recrawling'] },
  { name: 'tags', label: 'Tag' }
];

const tagsOf = (text: string): string[] => [...new Set(text.split(',').flatMap((t) => t.trim() || []))];

function Add() {
  const form = useRef<HTMLFormElement>(null);
  const read = () => {
    const data = new FormData(form.current!);
    const tags = tagsOf(String(data.get('tags')));
    const name = String(data.get('name')).trim();
    return { document_url: String(data.get('url')).trim(), ...(name && { document_name: name }), ...(tags.length && { tags }) };
  };

  return (
    <details className="rounded-card border border-line bg-surface p-5">
      <summary className="cursor-pointer font-semibold">Have Tavus read a document</summary>
      <form ref={form} className="mt-4 grid gap-4 lg:grid-cols-3" onSubmit={(e: FormEvent) => e.preventDefault()}>
        <Field id="d-url" label="Address of a file or a site">
          <Input id="d-url" name="url" type="url" placeholder="https://example.com/prices.pdf" />
        </Field>
        <Field id="d-name" label="Name">
          <Input id="d-name" name="name" maxLength={200} />
        </Field>
        <Field id="d-tags" label="Tags, with commas">
          <Input id="d-tags" name="tags" placeholder="kb-legal" />
        </Field>
        <div>
          <Act
            variant="primary"
            size="md"
            label="Add it"
            act={() => must(api.POST('/api/admin/documents', { body: read() }))}
            done={(d) => `${d.document_name ?? d.document_id}: ${d.status}`}
            after={() => form.current?.reset()}
          />
        </div>
      </form>
    </details>
  );
}

function Row({ of: d }: { of: Document }) {
  const path = { id: d.document_id };

  return (
    <tr data-row data-document={d.document_id}>
      <Td className="min-w-56">
        <span className="font-semibold">{d.document_name ?? d.document_id}</span>
        {d.document_url && <span className="block max-w-md truncate text-muted">{d.document_url}</span>}
      </Td>
      <Td>
        <Tag of={d.status} />
        {d.progress !== undefined && d.status !== 'ready' && ` ${d.progress} %`}
        {d.error_message && <span className="block text-sm text-danger-ink">{d.error_detail ?? d.error_message}</span>}
      </Td>
      <Td>
        {d.tags.map((tag) => (
          <span key={tag} className="block">
            {tag}
            <span className="text-muted"> {d.tag_verticals?.find((t) => t.tag === tag)?.verticals.join(', ')}</span>
          </span>
        ))}
      </Td>
      <Td>{d.created_at && !Number.isNaN(Date.parse(d.created_at)) ? <Time iso={new Date(d.created_at).toISOString()} /> : '–'}</Td>
      <Td>
        <span className="flex flex-wrap gap-2">
          {d.crawl && (
            <Act
              label="Read again"
              act={() => must(api.POST('/api/admin/documents/{id}/recrawl', { params: { path }, body: {} }))}
              done={() => 'Tavus reads it again'}
            />
          )}
          <Act
            label="Delete"
            act={() => must(api.DELETE('/api/admin/documents/{id}', { params: { path }, body: {} }))}
            ask={{ title: 'Delete this document?', text: 'Agents do not know it any more. It is deleted at Tavus; there is no way back.', yes: 'Delete it' }}
          />
        </span>
      </Td>
    </tr>
  );
}

export function Documents() {
  const [page, setPage] = useState(0);
  const filters = useFilters<Query<'listDocuments'>>('status', 'tags', 'q');
  const told = useQuery({
    queryKey: ['documents', filters, page],
    queryFn: ({ signal }) => must(api.GET('/api/admin/documents', { params: { query: { ...filters, page, limit: PAGE } }, signal })),
    placeholderData: (before) => before
  });
  const { data } = told;

  return (
    <>
      <Add />
      <Search filters={FILTERS} words="q" hint="A part of the name, or status:error tags:kb-legal" />
      <Failed error={failure(told.error)} />
      {data?.missing_tags && data.missing_tags.length > 0 && (
        <Alert tone="warm" title="Agents look for documents that are not there">
          No document has the {data.missing_tags.length === 1 ? 'tag' : 'tags'} {data.missing_tags.join(', ')}.
        </Alert>
      )}
      {!data && told.isFetching && <Skeleton />}
      {data &&
        (data.documents.length ? (
          <Rows label="Documents" columns={['Document', 'Status', 'Tags, and who uses them', 'Added', 'Change']}>
            {data.documents.map((d) => (
              <Row key={d.document_id} of={d} />
            ))}
          </Rows>
        ) : (
          <Empty>{Object.keys(filters).length ? 'No document fits these filters.' : 'Tavus has read no document of yours yet.'}</Empty>
        ))}
      {data && data.total_count > PAGE && (
        <div className="flex items-center gap-3">
          <Button variant="outline" size="sm" disabled={page === 0} onClick={() => setPage(page - 1)}>
            Newer
          </Button>
          <Button variant="outline" size="sm" disabled={(page + 1) * PAGE >= data.total_count} onClick={() => setPage(page + 1)}>
            Older
          </Button>
          <span className="text-muted">{data.total_count} in all</span>
        </div>
      )}
    </>
  );
}
