import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { StateFolder } from './state-folder.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tulle-state-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('tokens are for this user only', async () => {
  const state = await StateFolder.open(folder);
  const file = await state.writeToken('web-0.shop', 'secret');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(join(folder, 'tokens')).mode & 0o777).toBe(0o700);
  await state.close();
});

test('a new run clears what an earlier one left, but keeps the mesh root', async () => {
  const first = await StateFolder.open(folder);
  await first.writeToken('old', 'secret');
  await first.close();
  const state = await StateFolder.open(folder);
  expect(readdirSync(join(folder, 'tokens'))).toEqual([]);
  expect(state.authority).toBe(join(folder, 'ca'));
  await state.close();
});

test('a folder is one process’ at a time; one that is dead does not count', async () => {
  writeFileSync(join(folder, 'pid'), String(process.ppid));
  await expect(StateFolder.open(folder)).rejects.toMatchObject({
    message: `process ${process.ppid} runs a mesh with its state in ${folder}`,
  });
  writeFileSync(join(folder, 'pid'), '999999999');
  await (await StateFolder.open(folder)).close();
});

test.each([
  ['a short path', 'a'],
  ['a long path', 'deep/'.repeat(30)],
])('sockets fit into every system’s limit: %s', async (_, below) => {
  const state = await StateFolder.open(join(folder, below));
  const socket = state.socket(`${'n'.repeat(253)}.shop`);
  expect(Buffer.byteLength(socket)).toBeLessThanOrEqual(103);
  expect(socket).not.toBe(state.socket('other.shop'));
  expect(statSync(join(socket, '..')).mode & 0o777).toBe(0o700);
  await state.close();
});
