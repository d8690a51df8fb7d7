// `npm test`: sets the clone up, then runs every check and test (scripts/test.ts) on the pinned Node.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { pinnedNode, root, setUp } from './setup.mjs';

await setUp();
const child = spawn(pinnedNode, [join(root, 'scripts/test.ts')], { stdio: 'inherit', cwd: root });
// Ctrl-C reaches the child by itself; this process only waits for it. Other ways to end it are passed on.
process.on('SIGINT', () => {});
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
