// Fails on source files that ran away: over 400 lines is two concepts in one file.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { NOTHING, root, type Step } from './step.ts';

const LIMIT = 400;
/** Tables of cases grow by rows, not by concepts. */
const TEST_LIMIT = 500;
const FOLDERS = ['src', 'dashboard/src', 'demo', 'scripts', 'test', 'bench'];

export const fileSizes: Step = {
  name: 'file sizes',
  async run() {
    const large = FOLDERS.flatMap((folder) => sourcesBelow(join(root, folder)))
      .map((file) => ({ file: relative(root, file), lines: readFileSync(file, 'utf8').split('\n').length - 1 }))
      .filter(({ file, lines }) => lines > limitOf(file) && !file.startsWith('src/xds/gen/'));
    const output = large
      .map(({ file, lines }) => `${file}: ${lines} lines (hint: at most ${limitOf(file)})`)
      .join('\n');
    return large.length === 0 ? { ...NOTHING, passed: 1 } : { ...NOTHING, failed: 1, output };
  },
};

const limitOf = (file: string): number => (/\.test\.tsx?$/.test(file) ? TEST_LIMIT : LIMIT);

function sourcesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|tsx|mjs)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}
