// `npm start`: sets the clone up, then runs the demo mesh (`tulle up -f demo/manifests`) on the pinned Node, with the options given.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { pinnedNode, root, setUp } from './setup.mjs';

await setUp();
// Four megabytes for new objects: a quarter less memory for the same work (docs/reference/benchmarks.md).
const flags = ['--max-semi-space-size=4'];
const args = [...flags, join(root, 'src/bin/tulle.ts'), 'up', '--demo', ...process.argv.slice(2)];
const env = {
  // Compiled once, not at every start.
  NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'tulle'),
  // The bundle that was just made sure of.
  TULLE_PROXY: join(root, 'dist', 'bin', 'proxy.js'),
  ...process.env,
};
const child = spawn(pinnedNode, args, { stdio: 'inherit', env });
// Ctrl-C reaches the child by itself; this process only waits for it. Other ways to end it are passed on.
process.on('SIGINT', () => {});
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
