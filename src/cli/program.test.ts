// Runs the scripts in testdata/: `$ command`, then what it prints (stderr after stdout), then `? code` unless that is 0.
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FakeMesh } from '../../test/support/fake-mesh.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { type ApiServer, startApi } from '../api/server.ts';
import { ManualClock } from '../lib/manual-clock.ts';
import { run } from './program.ts';
import type { Terminal } from './terminal.ts';

let mesh: FakeMesh;
let api: ApiServer;

/** Rounds of metrics exactly a second apart, so that figures are exact. */
beforeAll(async () => {
  mesh = await FakeMesh.start();
  const clock = new ManualClock();
  const silent = () => undefined;
  const log = { debug: silent, info: silent, warn: silent, error: silent };
  const options = { clock, log, port: 0, dashboard: '', version: '1.2.3', metrics: () => '' };
  api = await startApi({ ...options, view: mesh.view });
  for (let round = 0; round < 3; round++) {
    const before = api.store.at;
    clock.advance(round === 0 ? 0 : 1000);
    await waitFor('a round of metrics', () => api.store.at > before);
  }
});

afterAll(async () => {
  await api.close();
  await mesh[Symbol.asyncDispose]();
});

const folder = join(import.meta.dirname, 'testdata');
const scripts = globSync(join(folder, '*.txt')).sort();

test.each(scripts.map((path) => [basename(path), path]))('%s', async (_name, path) => {
  const script = readFileSync(path, 'utf8');
  const commands = [...script.matchAll(/^\$ tulle ?(.*)$/gm)].map(([, line = '']) => line);
  const played: string[] = [];
  for (const line of commands) played.push(`$ tulle${line && ` ${line}`}\n${await play(line)}`);
  const found = played.join('\n');
  if (process.env['UPDATE'] === '1') writeFileSync(path, found);
  expect(found).toBe(script);
});

test('there are scripts', () => {
  expect(scripts.length).toBeGreaterThan(5);
});

test('colour is used only where the terminal has it', async () => {
  const plain = await capture(['problems', '--api', api.url], false);
  const coloured = await capture(['problems', '--api', api.url], true);
  expect(plain.text).not.toContain('\u001b');
  expect(coloured.text).toContain('\u001b[31merror');
});

async function play(line: string): Promise<string> {
  const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
  const asks = !words.includes('--api') && !words.includes('--help') && words.length > 0;
  const { text, code } = await capture(asks ? [...words, '--api', api.url] : words, false);
  const steady = text
    .replace(/127\.0\.0\.1:(?!20\d\d\d\b)\d{4,5}\b/g, '127.0.0.1:PORT')
    .replaceAll(process.version, 'vNODE')
    .replace(/up \d+ s/, 'up N s');
  return `${steady}${code === 0 ? '' : `? ${code}\n`}`;
}

async function capture(argv: readonly string[], colour: boolean): Promise<{ text: string; code: number }> {
  let [out, error] = ['', ''];
  const terminal: Terminal = {
    colour,
    out: (text) => {
      out += text;
    },
    error: (text) => {
      error += text;
    },
  };
  const code = await run(argv, '1.2.3', terminal);
  return { text: out + error, code };
}
