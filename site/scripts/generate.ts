// What the build needs and the repository does not keep, into src/generated:
// the components that @tavus/cvi-ui writes, and the pictures.

import { execFileSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync }
  from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

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
  writeFileSync(join(work, 'package.json'),
    JSON.stringify({ private: true, dependencies: own.dependencies }));
  execFileSync(process.execPath, [cli, 'add', 'conversation-01', 'hair-check-01'],
    { cwd: work, stdio: ['ignore', 'ignore', 'inherit'] });
  cpSync(join(work, 'src/components/cvi'), join(out, 'cvi'),
    { recursive: true });
  // it is not as strict as we are
  for (const file of globSync('**/*.tsx', { cwd: join(out, 'cvi') })) {
    const path = join(out, 'cvi', file);
    writeFileSync(path, '// @ts-nocheck\n' + readFileSync(path, 'utf8'));
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}

await pictures(join(out, 'pictures'));
