import { execFileSync } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { freePort, freePorts } from './ports.ts';
import { pinnedNode } from './process.ts';

test('gives each port once', async () => {
  const ports = await freePorts(50);
  expect(new Set(ports).size).toBe(50);
});

test('one may be listened on', async () => {
  const port = await freePort();
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  server.close();
});

/** Claims of its arguments what it can, and says what it got. */
const CLAIM = `
import { createServer } from 'node:net';
const taken = [];
for (const port of process.argv.slice(1).map(Number)) {
  const server = createServer();
  await new Promise((done) => {
    server.once('error', done);
    server.listen('\\0tulle-test-port-' + port, () => (taken.push(port), done()));
  });
  server.unref();
}
console.log(JSON.stringify(taken));`;

test.runIf(process.platform === 'linux')('no other process can claim one', async () => {
  const [mine, ...others] = await freePorts(3);
  const free = 11_999;
  const args = ['--input-type=module', '-e', CLAIM, String(mine), ...others.map(String), String(free)];
  const output = execFileSync(pinnedNode, args, { cwd: join(import.meta.dirname), encoding: 'utf8' });
  expect(JSON.parse(output)).toEqual([free]);
});
