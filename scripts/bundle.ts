// Writes dist/: the proxy as a few files instead of five hundred. It starts in two thirds of the time, without Node's cache of
// compiled code in half, and takes a tenth less memory. The sources run as well; `npm start` makes it when they have changed.
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

const root = join(import.meta.dirname, '..');
const target = join(root, 'dist');

// Names stay, so that stack traces can be read; only comments and blanks go.
const minify = { compress: false, mangle: false, codegen: { removeWhitespace: true } } as const;

const bundle = await rolldown({
  input: join(root, 'src/bin/proxy.ts'),
  platform: 'node',
  // Native: loaded from its package, where it is needed.
  external: ['koffi'],
});
rmSync(target, { recursive: true, force: true });
// Two folders deep, as in src: package.json and the descriptors are found from there.
await bundle.write({ dir: join(target, 'bin'), format: 'esm', minify });
cpSync(join(root, 'src/xds/gen/descriptors.binpb'), join(target, 'gen/descriptors.binpb'));
