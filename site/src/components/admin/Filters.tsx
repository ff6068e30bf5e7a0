import { useEffect, useRef } from 'react';

import { Button } from '@/components/ui/button';
import { Field, Input, Select } from '@/components/ui/field';

import { useUrl } from '@/hooks/use-url';

export interface Filter {
  name: string;
  label: string;
  options?: readonly string[];
  type?: 'datetime-local' | 'search';
}

// The API takes UTC, the field shows it as it is.
const shown = (f: Filter, value: string) => (f.type === 'datetime-local' ? value.replace(/Z$/, '').slice(0, 16) : value);

export function Filters({ filters }: { filters: readonly Filter[] }) {
  const [url, set] = useUrl();
  const form = useRef<HTMLFormElement>(null);

  // back and forward change the address under the form
  useEffect(() => {
    for (const f of filters) {
      const field = form.current?.elements.namedItem(f.name) as HTMLInputElement | null;
      if (field) field.value = shown(f, url.get(f.name) ?? '');
    }
  });

  const submit = () => {
    const data = new FormData(form.current!);
    const change: Record<string, string | null> = { cursor: null };

    for (const f of filters) {
      const value = String(data.get(f.name) ?? '').trim();
      change[f.name] = value && f.type === 'datetime-local' ? `${value}:00Z` : value || null;
    }
    set(change);
  };

  return (
    <form
      ref={form}
      role="search"
      aria-label="Filters"
      className="grid grid-cols-2 items-end gap-4 rounded-card border border-line bg-surface p-5 lg:grid-cols-4"
      onSubmit={(e) => {
        e.preventDefault();
        submit();
      }}
    >
      {filters.map((f) => (
        <Field key={f.name} id={`f-${f.name}`} label={f.label} className={f.type && 'max-sm:col-span-2'}>
          {f.options ? (
            <Select id={`f-${f.name}`} name={f.name} defaultValue={url.get(f.name) ?? ''} onChange={submit}>
              <option value="">All</option>
              {f.options.map((o) => (
                <option key={o}>{o}</option>
              ))}
            </Select>
          ) : (
            <Input id={`f-${f.name}`} name={f.name} type={f.type ?? 'text'} defaultValue={shown(f, url.get(f.name) ?? '')} />
          )}
        </Field>
      ))}
      <div className="flex gap-2 max-sm:col-span-2">
        <Button type="submit">Filter</Button>
        <Button variant="ghost" onClick={() => set(Object.fromEntries([...filters.map((f) => [f.name, null]), ['cursor', null]]))}>
          Clear
        </Button>
      </div>
    </form>
  );
}
