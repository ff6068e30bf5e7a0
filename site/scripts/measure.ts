// The pages in Lighthouse, as on a phone, and what the home page weighs, beside
// the same page as a Next.js export: t/bench/pages starts both and calls this.
//
//   BASE_URL=… NEXT_URL=… node scripts/measure.ts RUNS [PATH…] > table.md

import { launch } from 'chrome-launcher';
import lighthouse from 'lighthouse';
import type { Result } from 'lighthouse';

const { BASE_URL: base, NEXT_URL: next, CHROMIUM: chromium = '/usr/bin/chromium' } = process.env;
const [, , times = '3', ...some] = process.argv;
const runs = Number(times);

if (!base || !next) throw new Error('BASE_URL and NEXT_URL are needed: ./build.sh bench pages');

const CATEGORIES = ['performance', 'accessibility', 'best-practices', 'seo'] as const;
const KINDS = ['Document', 'Stylesheet', 'Script', 'Font', 'Image'] as const;

interface Sent {
  resourceType: string;
  transferSize: number;
  url: string;
}

async function measure(url: string, again = 2): Promise<Result> {
  // a browser for each: nothing is left over from the one before
  const chrome = await launch({
    chromePath: chromium,
    chromeFlags: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync']
  });

  try {
    const result = await lighthouse(url, { port: chrome.port, output: 'json', logLevel: 'error', onlyCategories: [...CATEGORIES] });
    const lhr = result!.lhr;
    if (!lhr.runtimeError) return lhr;

    // it lost the browser's trace: nothing was measured
    console.error(`${url}: ${lhr.runtimeError.message}`);
    if (!again) throw new Error(`${url} could not be measured`);
  } finally {
    chrome.kill();
  }
  return await measure(url, again - 1);
}

const score = (lhr: Result, name: string) => Math.round((lhr.categories[name]!.score ?? 0) * 100);
const ms = (lhr: Result, audit: string) => Math.round(lhr.audits[audit]!.numericValue ?? NaN);
const middle = (numbers: number[]) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1]!;

interface Row {
  name: string;
  results: Result[];
}

async function row(name: string, url: string): Promise<Row> {
  const results: Result[] = [];

  for (let i = 0; i < runs; i++) results.push(await measure(url));
  console.error(`${name}: ${results.map((r) => CATEGORIES.map((c) => score(r, c)).join('/')).join(' ')}`);
  return { name, results };
}

function line({ name, results }: Row): string {
  const cells = [
    // timings differ from run to run, the others do not
    ...CATEGORIES.map((c) => middle(results.map((r) => score(r, c)))),
    ...['first-contentful-paint', 'largest-contentful-paint', 'total-blocking-time'].map((a) => `${middle(results.map((r) => ms(r, a)))} ms`),
    middle(results.map((r) => Math.round((r.audits['cumulative-layout-shift']!.numericValue ?? 0) * 1000) / 1000))
  ];
  return `| ${name} | ${cells.join(' | ')} |`;
}

const sent = (lhr: Result) => (lhr.audits['network-requests']!.details as unknown as { items: Sent[] }).items.filter((i) => i.url.startsWith('http'));

const bytes = (lhr: Result, kind?: string) =>
  sent(lhr)
    .filter((s) => !kind || s.resourceType === kind)
    .reduce((n, s) => n + s.transferSize, 0);

// The bodies alone, as compressed.
async function body(lhr: Result): Promise<number> {
  let n = 0;

  for (const { url } of sent(lhr).filter((s) => s.resourceType === 'Script')) {
    n += Number((await fetch(url, { headers: { 'Accept-Encoding': 'br' } })).headers.get('Content-Length'));
  }
  return n;
}

const kib = (n: number) => `${(n / 1024).toFixed(1)} KiB`;

// every page that the site map names; the home page always
const map = await (await fetch(`${base}/sitemap.xml`)).text();
const paths = [...map.matchAll(/<loc>(.*?)<\/loc>/g)].map((m) => new URL(m[1]!).pathname).filter((path) => path === '/' || !some.length || some.includes(path));

const pages: Row[] = [];
for (const path of paths) pages.push(await row(`\`${path}\``, base + path));
const export_ = await row('Next.js export of `/`', `${next}/`);
const empty = await row('A page with nothing in it', `${next}/empty`);

const script = [await body(pages.find((p) => p.name === '`/`')!.results[0]!), await body(export_.results[0]!)] as const;

const head = (first: string) =>
  `| ${first} | Performance | Accessibility | Best practices | SEO | FCP | LCP | TBT | CLS |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|`;
const ours = pages.find((p) => p.name === '`/`')!.results[0]!;
const theirs = export_.results[0]!;

console.log(
  [
    `Lighthouse ${ours.lighthouseVersion}, its mobile profile with simulated throttling, median of ${runs}:`,
    '',
    head('Page'),
    ...pages.map(line),
    line(export_),
    line(empty),
    '',
    'The home page until somebody clicks or scrolls, with head and body as sent:',
    '',
    '| | Site | Next.js export | Ratio |',
    '|---|--:|--:|--:|',
    `| Requests | ${sent(ours).length} | ${sent(theirs).length} | ${(sent(theirs).length / sent(ours).length).toFixed(1)} |`,
    ...[...KINDS, undefined].map(
      (k) => `| ${k ?? 'All'} | ${kib(bytes(ours, k))} | ${kib(bytes(theirs, k))} | ${(bytes(theirs, k) / bytes(ours, k)).toFixed(1)} |`
    ),
    `| Script, bodies alone | ${kib(script[0])} | ${kib(script[1])} | ${(script[1] / script[0]).toFixed(1)} |`
  ].join('\n')
);

const short = pages.flatMap((p) => CATEGORIES.filter((c) => middle(p.results.map((r) => score(r, c))) < 100).map((c) => `${p.name} ${c}`));
if (script[0] > 15 * 1024) short.push(`the home page has ${kib(script[0])} of script`);
for (const s of short) console.error(`short of the budget: ${s}`);
process.exitCode = short.length ? 1 : 0;
