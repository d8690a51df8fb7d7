// WebSocket with another's client: the cases of Autobahn's test suite, run by kosoku, against an echo server by itself and behind the
// proxy, over HTTP/1.1 and over HTTP/2 (RFC 8441). What they find must be what they find without it.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { speaksHttp2, startProxyProcess } from '../support/proxy-process.ts';
import { findTool } from '../support/tool.ts';

/** `TULLE_WEBSOCKET_CASES=all` takes some ten minutes for each of the ways; most of it are messages of compressed text, a thousand per case. */
const everything = process.env['TULLE_WEBSOCKET_CASES'] === 'all';

/**
 * Framing, pings, reserved bits, opcodes, fragments, UTF-8, closing, messages of up to 16 MB in one piece and in many, and permessage-deflate.
 * 9.3 and 9.4 are messages of 4 MB in pieces: of 64 bytes they take longer than the runner waits, with and without a proxy.
 */
const basics = ['1.*', '2.*', '3.*', '4.*', '5.*', '6.*', '7.*', '10.*'];
const short = [...basics, '9.1.*', '9.2.*', '9.3.6', '9.4.6', '9.5.6', '9.6.6', '9.7.1', '9.8.1', '12.1.1', '13.1.1'];
const long = [...basics, '9.*', '12.*', '13.*'];
/** See above; the others the runner cannot run. */
const left = [
  '9.3.1',
  '9.4.1',
  ...['13.2', '13.5', '13.6', '13.7'].flatMap((group) => [1, 2, 3].map((n) => `${group}.${n}`)),
];

/** How soon an error is noticed, which is a matter of time, tells OK from NON-STRICT. */
const GOOD = new Set(['OK', 'NON-STRICT', 'INFORMATIONAL']);
const mark = (verdict: string): string => (GOOD.has(verdict) ? 'good' : verdict);

type Verdicts = Readonly<Record<string, readonly [behavior: string, close: string]>>;

const kosoku = findTool('kosoku');

describe.skipIf(kosoku === null)("Autobahn's cases", () => {
  let server: WebSocketServer;
  let folder: string;
  let alone: Verdicts;
  const stops: (() => unknown)[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tulle-websocket-'));
    server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true });
    server.on('connection', (socket) => {
      socket.on('error', () => socket.terminate());
      socket.on('message', (message, binary) => socket.send(message, { binary }));
    });
    await new Promise((resolve) => server.once('listening', resolve));
    alone = await verdicts((server.address() as AddressInfo).port, 'alone');
  }, 1_200_000);

  afterAll(async () => {
    for (const stop of stops) await stop();
    for (const socket of server.clients) socket.terminate();
    server.close();
    rmSync(folder, { recursive: true });
  });

  async function verdicts(port: number, name: string): Promise<Verdicts> {
    const reports = join(folder, name);
    const selection = [
      ...(everything ? long : short).flatMap((one) => ['--include', one]),
      ...left.flatMap((one) => ['--exclude', one]),
    ];
    const args = ['--parallelism', '8', '--outdir', reports, ...selection, `127.0.0.1:${port}`];
    // Installed by pip into a folder of its own, the script does not find its package by itself.
    const env = { ...process.env, PYTHONPATH: join(kosoku!, '../..') };
    const output = await new Promise<string>((resolve) => {
      execFile(kosoku!, args, { env, maxBuffer: 2 ** 24 }, (_failed, stdout, stderr) => resolve(stdout + stderr));
    });
    expect(output).toMatch(/wrote reports for \d+ cases/);
    const index = JSON.parse(readFileSync(join(reports, 'index.json'), 'utf8')) as Record<string, Report>;
    const [report = {}] = Object.values(index);
    return Object.fromEntries(
      Object.entries(report).map(([id, { behavior, behaviorClose }]) => [id, [mark(behavior), mark(behaviorClose)]]),
    );
  }

  /** `hops` of HTTP/2 between a client and a server of HTTP/1.1. */
  async function chain(hops: number): Promise<number> {
    const manager = {
      upgrade_configs: [{ upgrade_type: 'websocket' }],
      http2_protocol_options: { allow_connect: true },
    };
    let next = (server.address() as AddressInfo).port;
    for (let hop = 0; hop <= hops; hop++) {
      const proxy = await startProxyProcess({ upstream: next, manager, ...(hop > 0 ? { cluster: speaksHttp2 } : {}) });
      stops.push(() => proxy.process.stop());
      next = proxy.port;
    }
    return next;
  }

  it('are good without a proxy', () => {
    expect(Object.keys(alone).length).toBeGreaterThan(250);
    expect(Object.entries(alone).filter(([, [behavior]]) => behavior !== 'good')).toEqual([]);
  });

  it.each([
    ['HTTP/1.1 all the way', 0],
    ['HTTP/2 in the middle, twice', 2],
  ])(
    '%s: as without a proxy',
    async (name, hops) => {
      expect(await verdicts(await chain(hops), name)).toEqual(alone);
    },
    1_200_000,
  );
});

type Report = Record<string, { behavior: string; behaviorClose: string }>;
