// What the build needs and the repository does not keep, into src/generated:
// the components that @tavus/cvi-ui writes, the types of the API, the face of the
// headings, and the pictures.

import { execFileSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import openapiTS, { astToString } from 'openapi-typescript';
import subsetFont from 'subset-font';

import { lettersOf } from './letters.ts';
import { pictures } from './pictures.ts';

const root = dirname(import.meta.dirname);
const out = join(root, 'src/generated');

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

// The command asks nothing where its settings exist, and installs nothing
// where the packages it wants are declared.  It writes to src/components of
// the folder it is called in, so it is called in one of its own.
const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const cli = createRequire(import.meta.url).resolve('@tavus/cvi-ui');
const work = mkdtempSync(join(tmpdir(), 'cvi-'));

try {
  mkdirSync(join(work, 'src'));
  writeFileSync(join(work, 'cvi-components.json'), '{"tsx":true}');
  writeFileSync(join(work, 'package.json'), JSON.stringify({ private: true, dependencies: own.dependencies }));
  execFileSync(process.execPath, [cli, 'add', 'conversation-01', 'hair-check-01'], { cwd: work, stdio: ['ignore', 'ignore', 'inherit'] });
  cpSync(join(work, 'src/components/cvi'), join(out, 'cvi'), { recursive: true });
  // it is not as strict as we are
  for (const file of globSync('**/*.tsx', { cwd: join(out, 'cvi') })) {
    const path = join(out, 'cvi', file);
    writeFileSync(path, '// @ts-nocheck\n' + readFileSync(path, 'utf8'));
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}

// What the admin API takes and answers, from the document that the module itself serves.
writeFileSync(join(out, 'api.ts'), astToString(await openapiTS(new URL('../../docs/openapi.yaml', import.meta.url))));

// Headings have one weight: the variable font without its axis is half as
// large.  The characters are those that its Latin file has.
const latin = [
  [0x20, 0xff],
  [0x131, 0x131],
  [0x152, 0x153],
  [0x2bb, 0x2bc],
  [0x2c6, 0x2c6],
  [0x2da, 0x2da],
  [0x2dc, 0x2dc],
  [0x304, 0x304],
  [0x308, 0x308],
  [0x329, 0x329],
  [0x2000, 0x206f],
  [0x20ac, 0x20ac],
  [0x2122, 0x2122],
  [0x2191, 0x2191],
  [0x2193, 0x2193],
  [0x2212, 0x2212],
  [0x2215, 0x2215]
] as const;
const characters = latin.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => String.fromCodePoint(from + i))).join('');
const font = join(root, 'node_modules/@fontsource-variable/bricolage-grotesque/files', 'bricolage-grotesque-latin-wght-normal.woff2');

mkdirSync(join(out, 'fonts'));
writeFileSync(
  join(out, 'fonts/bricolage-750.woff2'),
  await subsetFont(readFileSync(font), characters, { targetFormat: 'woff2', variationAxes: { wght: 750 } })
);

await pictures(join(out, 'pictures'), lettersOf(await subsetFont(readFileSync(font), characters, { targetFormat: 'sfnt', variationAxes: { wght: 750 } })));
