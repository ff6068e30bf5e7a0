import { X } from 'lucide-react';
import { type FormEvent, useEffect, useRef } from 'react';

import { Button } from '@/components/ui/button';
import { Field, Input, Select } from '@/components/ui/field';
import { go, useUrl } from '@/hooks/use-url';
import { useZone } from '@/hooks/use-zone';

export interface Filter {
  name: string;
  label: string;
  options?: readonly string[];
  kind?: 'moment';
}

const WORD = /(\w+):("[^"]*"|\S+)/g;

// What somebody typed: name:value for filters that there are, and words.
export function parsed(text: string, names: readonly string[]): { filters: Record<string, string>; words: string } {
  const filters: Record<string, string> = {};
  const words = text
    .replace(WORD, (all, name: string, value: string) => {
      if (!names.includes(name)) return all;
      filters[name] = value.replace(/^"|"$/g, '');
      return '';
    })
    .replace(/\s+/g, ' ')
    .trim();

  return { filters, words };
}

// One line for words and filters; what is asked for stands under it, each to be taken
// away by itself, and in the address.
export function Search({
  filters,
  words,
  hint,
  names: named
}: {
  filters: readonly Filter[];
  words?: string;
  hint: string;
  // where the words are the name of one thing, and not what to look for
  names?: (words: string) => string | undefined;
}) {
  const [url, set] = useUrl();
  const zone = useZone();
  const field = useRef<HTMLInputElement>(null);
  const form = useRef<HTMLFormElement>(null);
  const names = filters.map((f) => f.name);
  const q = words ? (url.get(words) ?? '') : '';
  const moments = filters.filter((f) => f.kind === 'moment');

  // back and forward change the address under the line
  useEffect(() => {
    if (field.current) field.current.value = q;
  }, [q]);
  useEffect(() => {
    for (const f of filters) {
      const input = form.current?.elements.namedItem(f.name) as HTMLInputElement | null;
      const value = url.get(f.name) ?? '';
      if (input) input.value = f.kind === 'moment' ? zone.field(value) : value;
    }
  }, [url.toString(), zone, filters]);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const said = parsed(field.current?.value ?? '', names);
    const one = named?.(said.words);
    const change: Record<string, string | null> = { ...said.filters };

    if (one) return go(one);

    for (const f of moments) {
      if (said.filters[f.name]) change[f.name] = zone.moment(zone.field(said.filters[f.name]!)) || said.filters[f.name]!;
    }
    if (words) change[words] = said.words || null;
    // what became a filter stands under the line
    if (field.current) field.current.value = said.words;
    set(change);
  };
  const chips = filters.flatMap((f) => {
    const value = url.get(f.name);
    return value ? [{ ...f, value: f.kind === 'moment' ? zone.show(value) : value }] : [];
  });

  return (
    <div className="flex flex-col gap-3">
      <form role="search" aria-label="Search" className="flex gap-2" onSubmit={submit}>
        <Input ref={field} type="search" aria-label="Search" data-search placeholder={hint} defaultValue={q} autoComplete="off" spellCheck={false} />
        <Button type="submit">Search</Button>
      </form>
      <details className="rounded-2xl border border-line bg-surface px-5 py-3" data-filters>
        <summary className="w-fit cursor-pointer font-semibold">Filters</summary>
        <form ref={form} className="mt-4 grid grid-cols-1 gap-4 sm:grid-cols-2 lg:grid-cols-4" onSubmit={(e) => e.preventDefault()}>
          {filters.map((f) => (
            <Field key={f.name} id={`f-${f.name}`} label={f.kind === 'moment' ? `${f.label} (${zone.name})` : f.label}>
              {f.options ? (
                <Select id={`f-${f.name}`} name={f.name} defaultValue="" onChange={(e) => set({ [f.name]: e.target.value || null })}>
                  <option value="">All</option>
                  {f.options.map((o) => (
                    <option key={o}>{o}</option>
                  ))}
                </Select>
              ) : (
                <Input
                  id={`f-${f.name}`}
                  name={f.name}
                  type={f.kind === 'moment' ? 'datetime-local' : 'text'}
                  onChange={(e) => {
                    if (f.kind === 'moment') set({ [f.name]: zone.moment(e.target.value) || null });
                  }}
                  onBlur={(e) => {
                    if (f.kind !== 'moment' && e.target.value.trim() !== (url.get(f.name) ?? '')) set({ [f.name]: e.target.value.trim() || null });
                  }}
                  onKeyDown={(e) => {
                    if (e.key === 'Enter') e.currentTarget.blur();
                  }}
                />
              )}
            </Field>
          ))}
        </form>
      </details>
      {chips.length > 0 && (
        <ul className="flex flex-wrap items-center gap-2" aria-label="Filters that are set">
          {chips.map((c) => (
            <li key={c.name}>
              <button
                type="button"
                className="inline-flex min-h-9 items-center gap-1.5 rounded-full bg-wash px-3 text-sm font-semibold hover:bg-accent-wash"
                onClick={() => set({ [c.name]: null })}
                aria-label={`Without ${c.label}: ${c.value}`}
              >
                {c.label}: {c.value} <X aria-hidden="true" className="size-4" />
              </button>
            </li>
          ))}
          <li>
            <Button variant="ghost" size="sm" onClick={() => set(Object.fromEntries([...names, ...(words ? [words] : [])].map((n) => [n, null])))}>
              Clear
            </Button>
          </li>
        </ul>
      )}
    </div>
  );
}
