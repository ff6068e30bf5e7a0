// After Astro: the hashes of what stands inline, for the policy; the site
// map; and each file again in gzip and Brotli, so that nginx need not.

import { createHash } from 'node:crypto';
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

import type { AstroIntegration } from 'astro';

const TEXT = /\.(?:html|css|js|svg|xml|txt|json|webmanifest)$/;

export function finish(): AstroIntegration {
  return {
    name: 'finish',
    hooks: {
      'astro:config:setup': ({ addClientDirective }) => {
        addClientDirective({ name: 'intent', entrypoint: './src/lib/client-intent.ts' });
      },
      'astro:build:done': ({ dir }) => {
        const out = fileURLToPath(dir);
        const files = globSync('**/*.*', { cwd: out }).sort();

        writeFileSync(join(out, 'sitemap.xml'), sitemap(files));
        writeFileSync(join(out, 'robots.txt'), 'User-agent: *\nDisallow: /admin\nDisallow: /api/\n\nSitemap: https://example.com/sitemap.xml\n');
        // The style of the room comes with its code, after a click; the
        // one rule that Astro writes into a page is in site.css.  What is
        // to be seen comes before the script.
        for (const file of files.filter((f) => f.endsWith('.html'))) {
          const html = readFileSync(join(out, file), 'utf8');
          writeFileSync(
            join(out, file),
            html
              .replace(/<link rel="stylesheet" href="[^"]*\/DailyRoom\.[^"]*"\/?>/g, '')
              .replaceAll('<script type="module" src=', '<script type="module" fetchpriority="low" src=')
              .replaceAll('<style>astro-island,astro-slot,astro-static-slot{display:contents}</style>', '')
          );
        }
        policy(out, files);
        for (const file of files) {
          if (TEXT.test(file)) compress(join(out, file));
        }
      }
    }
  };
}

// Addresses begin with https://example.com, which nginx replaces.
function sitemap(files: string[]): string {
  const urls = files
    .filter((f) => f.endsWith('.html') && !/^(?:404|admin|thank-you)\.html$/.test(f))
    .map((f) => `https://example.com/${f.replace(/(?:^index)?\.html$/, '')}`)
    .sort();

  return (
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
    '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n' +
    urls.map((u) => `<url><loc>${u}</loc></url>\n`).join('') +
    '</urlset>\n'
  );
}

// Beside the site, not in it: http level, a map so that it has a value in
// every phase.
function policy(out: string, files: string[]): void {
  const scripts = new Set<string>();
  const styles = new Set<string>();
  const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

  for (const file of files.filter((f) => f.endsWith('.html'))) {
    const html = readFileSync(join(out, file), 'utf8');

    for (const [, attributes = '', text = ''] of html.matchAll(/<script([^>]*)>([\s\S]*?)<\/script>/g)) {
      // data is not run, and needs no leave
      if (!/\bsrc=|application\/ld\+json/.test(attributes)) scripts.add(hash(text));
    }
    for (const [, text = ''] of html.matchAll(/<style[^>]*>([\s\S]*?)<\/style>/g)) styles.add(hash(text));
    if (/<[^>]+\s(?:style|on[a-z]+)=["']/.test(html)) {
      throw new Error(`${file}: an inline style or handler, which the policy forbids`);
    }
  }

  const conf = join(dirname(out.replace(/\/$/, '')), 'site-csp.conf');
  const map = (name: string, values: Set<string>) => `map '' $${name} {\n    default "${[...values].sort().join(' ')}";\n}\n`;

  mkdirSync(dirname(conf), { recursive: true });
  writeFileSync(
    conf,
    '# Made by the build: what stands inline in the pages.\n\n' + map('site_script_hashes', scripts) + '\n' + map('site_style_hashes', styles)
  );
  console.log(`policy: ${scripts.size} scripts, ${styles.size} styles -> ${relative(process.cwd(), conf)}`);
}

function compress(file: string): void {
  const bytes = readFileSync(file);

  writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
  writeFileSync(
    `${file}.br`,
    brotliCompressSync(bytes, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: 11,
        [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length
      }
    })
  );
}
