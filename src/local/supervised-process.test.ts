import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { waitFor } from '../../test/support/wait-for.ts';
import { systemClock } from '../lib/clock.ts';
import { ManualClock } from '../lib/manual-clock.ts';
import { type ProcessEvent, type ProcessSpec, SupervisedProcess } from './supervised-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'tulle-process-'));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;

function supervise(script: string, clock = new ManualClock(), spec: Partial<ProcessSpec> = {}) {
  const events: ProcessEvent[] = [];
  const watched = new Set<number>();
  const guard = { watch: (pid: number) => watched.add(pid), forget: (pid: number) => watched.delete(pid) };
  count += 1;
  const logFile = join(folder, `${count}.log`);
  const args = ['-e', script];
  const full = { name: 'app', command: process.execPath, args, cwd: folder, env: { COLOUR: 'red' }, logFile, ...spec };
  const supervised = new SupervisedProcess(full, {
    clock,
    guard: guard as unknown as { watch(pid: number): void; forget(pid: number): void },
    onEvent: (event) => events.push(event),
  });
  const ended = () => events.flatMap((event) => (event.kind === 'ended' ? [event] : []));
  return { supervised, events, ended, watched, clock, log: () => readFileSync(logFile, 'utf8') };
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test('a process that ends is started again, later each time', async () => {
  const { supervised, ended, clock, log, watched } = supervise(
    'console.log("hello", process.env.COLOUR); process.exit(3)',
  );
  supervised.start();
  for (const [index, again] of [250, 500, 1000].entries()) {
    await waitFor('the end', () => ended().length === index + 1);
    expect(ended()[index]).toMatchObject({ name: 'app', reason: 'exit code 3', again });
    expect(watched.size).toBe(0);
    clock.advance(again - 1);
    expect(supervised.pid).toBeNull();
    clock.advance(1);
    expect(supervised.pid).not.toBeNull();
  }
  await supervised.stop(1000);
  expect(log()).toContain('hello red\nhello red\nhello red\n');
});

test('having run for long makes up for earlier ends', async () => {
  const { supervised, ended, clock } = supervise(
    'process.once("SIGUSR2", () => process.exit(1)); setInterval(() => {}, 1000)',
  );
  for (const ran of [0, 0, 30_000]) {
    if (supervised.pid === null) supervised.start();
    clock.advance(ran);
    const before = ended().length;
    process.kill(supervised.pid!, 'SIGKILL');
    await waitFor('the end', () => ended().length > before);
    clock.advance(ended().at(-1)!.again);
  }
  expect(ended().map(({ again }) => again)).toEqual([250, 500, 250]);
  await supervised.stop(1000);
});

test('a process that is stopped is not started again, nor reported', async () => {
  const { supervised, events, clock, watched } = supervise('setInterval(() => {}, 1000)');
  supervised.start();
  const { pid } = supervised;
  expect(watched).toEqual(new Set([pid]));
  await supervised.stop(1000);
  clock.advance(60_000);
  expect(events).toEqual([{ kind: 'started', name: 'app', pid }]);
  expect(isAlive(pid!)).toBe(false);
  expect(watched.size).toBe(0);
});

test('one that waits to be started again stays stopped', async () => {
  const { supervised, ended, clock } = supervise('process.exit(1)');
  supervised.start();
  await waitFor('the end', () => ended().length === 1);
  await supervised.stop(1000);
  clock.advance(60_000);
  expect(supervised.pid).toBeNull();
});

test('what ignores SIGTERM is killed after the grace', async () => {
  const script = 'process.on("SIGTERM", () => console.log("no")); console.log("up"); setInterval(() => {}, 1000)';
  const { supervised, log, clock } = supervise(script);
  supervised.start();
  await waitFor('its handler', () => log().includes('up'));
  const stopped = supervised.stop(3000);
  await waitFor('the signal', () => log().includes('no'));
  expect(supervised.pid).not.toBeNull();
  clock.advance(3000);
  await stopped;
  expect(supervised.pid).toBeNull();
});

test('what a process started ends with it', async () => {
  const script = `
    const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    console.log('child ' + child.pid);
    setTimeout(() => process.exit(1), 50);`;
  const { supervised, ended, log } = supervise(script);
  supervised.start();
  await waitFor('the end', () => ended().length === 1);
  const pid = Number(/child (\d+)/.exec(log())?.[1]);
  await waitFor('the end of its child', () => !isAlive(pid));
  await supervised.stop(1000);
});

test.each([
  ['command', { command: 'no-such-program' }, /^no-such-program not found/],
  ['folder', { cwd: '/no/such/folder' }, /folder \/no\/such\/folder missing/],
])('a missing %s is said and tried again', async (_, spec, reason) => {
  const { supervised, ended } = supervise('', new ManualClock(), spec);
  supervised.start();
  await waitFor('the end', () => ended().length === 1);
  expect(ended()[0]).toMatchObject({ reason: expect.stringMatching(reason), again: 250 });
  await supervised.stop(1000);
});

test('the guard ends everything when its parent is killed', async () => {
  const parent = `
    const { ProcessGuard } = await import(${JSON.stringify(join(import.meta.dirname, 'process-guard.ts'))});
    const { SupervisedProcess } = await import(${JSON.stringify(join(import.meta.dirname, 'supervised-process.ts'))});
    const { systemClock } = await import(${JSON.stringify(join(import.meta.dirname, '../lib/clock.ts'))});
    const guard = new ProcessGuard();
    const onEvent = (event) => console.log('pid ' + event.pid);
    const start = (name, script) => new SupervisedProcess(
      { name, command: process.execPath, args: ['-e', script], cwd: '/', env: {}, logFile: ${JSON.stringify(join(folder, 'guarded-'))} + name },
      { clock: systemClock, guard, onEvent }).start();
    start('meek', 'setInterval(() => {}, 1000)');
    start('stubborn', 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)');
    setInterval(() => {}, 1000);`;
  const { supervised, log } = supervise('', new ManualClock(), {
    args: ['--input-type=module', '-e', parent],
  });
  supervised.start();
  const pids = () => [...log().matchAll(/pid (\d+)/g)].map(([, pid]) => Number(pid));
  await waitFor('both children', () => pids().length === 2);
  // Not its group: as `kill -9` by hand, or the system when memory is short.
  process.kill(supervised.pid!, 'SIGKILL');
  await waitFor('the end of its children', () => pids().every((pid) => !isAlive(pid)));
  await supervised.stop(systemClock.now());
});
