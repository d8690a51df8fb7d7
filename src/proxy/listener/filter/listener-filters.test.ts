// What listener filters find in the first bytes, wherever those are cut.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { ListenerFilterConfig } from '../../config/listener-types.ts';
import { noRuntime } from '../../config/runtime-keys.ts';
import { tlsInspector } from '../../testing/configs.ts';
import { traitsOf } from '../traits.ts';
import { readHttpProtocols } from './http-inspector.ts';
import { originalDestination, readSocketAddress } from './original-destination.ts';
import { readProxyHeader } from './proxy-protocol.ts';
import { FilterRun } from './run.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');

describe('http_inspector', () => {
  test.each<[string, readonly string[] | null]>([
    ['GET / HTTP/1.1\r\n', ['http/1.1']],
    ['GET / HTTP/1.0\n', ['http/1.0']],
    ['GET / HT', null],
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', ['h2c']],
    ['PRI * HTTP/2.0\r\n', null],
    ['PR', null],
    ['GET /\r\n', []],
    ['\x00\x01binary', []],
    ['SSH-2.0-OpenSSH_9\r\n', []],
    ['G', null],
  ])('%j', (text, wants) => {
    expect(readHttpProtocols(bytes(text))).toEqual(wants);
  });
});

const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n';
const v2 = (head: string, rest: Buffer) => {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(rest.length);
  return Buffer.concat([bytes(SIGNATURE + head), length, rest]);
};
const four = Buffer.from([10, 0, 0, 1, 10, 0, 0, 2, 0x04, 0xd2, 0x01, 0xbb]);
const six = Buffer.concat([
  Buffer.alloc(15),
  Buffer.from([1]),
  Buffer.alloc(15),
  Buffer.from([2]),
  Buffer.from([0, 1, 0, 2]),
]);
const ends = { source: { address: '10.0.0.1', port: 1234 }, destination: { address: '10.0.0.2', port: 443 } };

describe('PROXY protocol', () => {
  test.each<[string, Buffer, object]>([
    ['text', bytes('PROXY TCP4 10.0.0.1 10.0.0.2 1234 443\r\n'), { kind: 'header', version: 1, ends }],
    [
      'text, IPv6',
      bytes('PROXY TCP6 ::1 ::2 1 2\r\n'),
      { kind: 'header', ends: { source: { address: '::1', port: 1 }, destination: { address: '::2', port: 2 } } },
    ],
    ['unknown', bytes('PROXY UNKNOWN whatever\r\n'), { kind: 'header', ends: null }],
    ['binary', v2('\x21\x11', four), { kind: 'header', version: 2, ends, length: 28 }],
    [
      'binary with TLVs',
      v2('\x21\x11', Buffer.concat([four, bytes('\x04\x00\x01x')])),
      { kind: 'header', ends, length: 32 },
    ],
    [
      'binary, IPv6',
      v2('\x21\x21', six),
      { kind: 'header', ends: { source: { address: '::1', port: 1 }, destination: { address: '::2', port: 2 } } },
    ],
    ['local', v2('\x20\x00', Buffer.alloc(0)), { kind: 'header', version: 2, ends: null, length: 16 }],
  ])('%s, cut anywhere', (_name, header, wants) => {
    const all = Buffer.concat([header, bytes('GET /')]);
    expect(readProxyHeader(all)).toMatchObject({ length: header.length, ...wants });
    for (let length = 1; length < header.length; length++) {
      expect(readProxyHeader(all.subarray(0, length)).kind, `${length} bytes`).toBe('more');
    }
  });

  test.each<[string, Buffer, string]>([
    ['none', bytes('GET / HTTP/1.1\r\n'), 'none'],
    ['a port too large', bytes('PROXY TCP4 10.0.0.1 10.0.0.2 1234 70000\r\n'), 'broken'],
    ['the wrong family', bytes('PROXY TCP6 10.0.0.1 10.0.0.2 1 2\r\n'), 'broken'],
    ['an endless line', bytes(`PROXY TCP4 ${'1'.repeat(120)}`), 'broken'],
    ['another version', v2('\x31\x11', four), 'broken'],
    ['too short', v2('\x21\x11', four.subarray(0, 8)), 'broken'],
    ['a Unix socket', v2('\x21\x31', Buffer.alloc(216)), 'broken'],
  ])('%s', (_name, header, kind) => {
    expect(readProxyHeader(header).kind).toBe(kind);
  });
});

describe('original destination', () => {
  test('addresses as the kernel writes them', () => {
    expect(readSocketAddress(Buffer.concat([Buffer.from([2, 0, 0x1f, 0x90, 10, 0, 0, 7]), Buffer.alloc(20)]))).toEqual({
      address: '10.0.0.7',
      port: 8080,
    });
    const inet6 = Buffer.concat([
      Buffer.from([10, 0, 0, 80, 0, 0, 0, 0]),
      Buffer.alloc(15),
      Buffer.from([9]),
      Buffer.alloc(4),
    ]);
    expect(readSocketAddress(inet6)).toEqual({ address: '::9', port: 80 });
    expect(readSocketAddress(Buffer.alloc(28))).toBe(null);
  });
});

/** A connection whose client sends the pieces; what the filters found, and what is left to read. */
async function run(filters: readonly ListenerFilterConfig[], pieces: readonly string[]) {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.setNoDelay(true);
  client.on('error', () => client.destroy());
  const [socket] = (await once(server, 'connection')) as [Socket];
  const traits = traitsOf(socket, { address: '', port: 0 });
  const counted: Record<string, object> = {};
  const stats = <Stats extends object>(name: string, make: () => Stats): Stats => {
    counted[name] ??= make();
    return counted[name] as Stats;
  };
  const services = { clock: { now: () => 0 }, runtime: noRuntime, workers: 1, filterStats: stats };
  const finished = new Promise<string>((resolve) => {
    new FilterRun(socket, filters, traits, { finished: resolve, guard: (work) => work(), services }).start();
  });
  for (const piece of pieces) {
    client.write(piece, 'latin1');
    await new Promise((resolve) => setImmediate(resolve));
  }
  client.end();
  const outcome = await finished;
  let rest = '';
  socket.on('data', (chunk: Buffer) => {
    rest += chunk.toString('latin1');
  });
  socket.resume();
  if (outcome === 'ready') await once(socket, 'end');
  socket.destroy();
  server.close();
  return { outcome, traits, rest, counted };
}

const off = { disabled: null } as const;
const proxy = (optional: boolean, versions: readonly (1 | 2)[] = [1, 2], statPrefix = '') =>
  ({
    kind: 'proxy-protocol',
    statPrefix,
    optional,
    versions: new Set(versions),
    passes: [],
    notes: new Map(),
    ...off,
  }) as const;

describe('one after the other', () => {
  test('a PROXY header is taken, the rest is looked at and left', async () => {
    const header = 'PROXY TCP4 10.0.0.1 10.0.0.2 1234 443\r\n';
    for (const pieces of [[`${header}GET / HTTP/1.1\r\n\r\n`], [header, 'GET /', ' HTTP/1.1\r\n\r\n']]) {
      const filters = [proxy(false), tlsInspector, { kind: 'http-inspector', ...off }] as const;
      const { outcome, traits, rest } = await run(filters, pieces);
      expect(outcome).toBe('ready');
      expect(traits).toMatchObject({ ...ends, applicationProtocols: ['http/1.1'], restored: true });
      expect(rest).toBe('GET / HTTP/1.1\r\n\r\n');
    }
  });

  test('without a header it goes on or not', async () => {
    expect(await run([proxy(true)], ['hello'])).toMatchObject({ outcome: 'ready', rest: 'hello' });
    expect(await run([proxy(false)], ['hello'])).toMatchObject({ outcome: 'closed' });
  });

  const one = 'PROXY TCP4 10.0.0.1 10.0.0.2 1234 443\r\n';
  test.each([
    ['found', proxy(false), one, { 'proxy_proto.versions.v1': { found: 1, disallowed: 0, error: 0 } }],
    ['with a prefix', proxy(false, [1, 2], 'p'), one, { 'proxy_proto.p.versions.v1': { found: 1 } }],
    ['not allowed', proxy(false, [2]), one, { 'proxy_proto.versions.v1': { found: 1, disallowed: 1 } }],
    ['broken', proxy(true), 'PROXY nonsense\r\n', { 'proxy_proto.versions.v1': { error: 1 } }],
    ['none', proxy(false), 'hello', { proxy_proto: { not_found_allowed: 0, not_found_disallowed: 1 } }],
    ['none, which may be', proxy(true), 'hello', { proxy_proto: { not_found_allowed: 1, not_found_disallowed: 0 } }],
  ])('headers are counted: %s', async (_name, filter, sent, wants) => {
    expect((await run([filter], [sent])).counted).toMatchObject(wants);
  });

  test.each([
    [
      'a hello that is too long',
      { longestHello: 256 },
      `\x16\x03\x01\x40\x00\x01\x00\x3f\xfc${'x'.repeat(300)}`,
      'closed',
      { client_hello_too_large: 1 },
    ],
    [
      'a hello that may be so long',
      {},
      `\x16\x03\x01\x01\x04\x01\x00\x01\x00${'\0'.repeat(256)}`,
      'ready',
      { tls_found: 1, sni_not_found: 1 },
    ],
    ['something else', {}, 'GET / HTTP/1.1', 'ready', { tls_not_found: 1 }],
    [
      'what only begins like TLS',
      { closesOthers: true },
      '\x16\x03\x01\x00\x05\x01\x00\x00\x01\xff',
      'closed',
      { tls_found: 1 },
    ],
    ['something else, which may not be', { closesOthers: true }, 'GET / HTTP/1.1', 'closed', { tls_not_found: 1 }],
  ])('a TLS inspector: %s', async (_name, change, sent, outcome, counted) => {
    const ran = await run([{ ...tlsInspector, ...change }], [sent]);
    expect(ran).toMatchObject({ outcome, counted: { tls_inspector: counted } });
  });

  test('so many connections, and no more', async () => {
    const left = [true, true, false];
    const limited = { kind: 'local-rate-limit', statPrefix: 's', admits: () => left.shift()!, ...off } as const;
    const outcomes = [];
    for (let i = 0; i < 3; i += 1) outcomes.push(await run([limited], ['x']));
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['ready', 'ready', 'closed']);
    expect(outcomes[2]?.counted).toEqual({ 'listener_local_ratelimit.s': { rate_limited: 1 } });
  });

  test('a client that leaves first', async () => {
    expect(await run([tlsInspector], [])).toMatchObject({ outcome: 'closed' });
  });

  test('nothing redirected: the socket’s own address', async () => {
    const { outcome, traits } = await run([{ kind: 'original-dst', ...off }], ['x']);
    expect(outcome).toBe('ready');
    expect(traits.restored).toBe(false);
    expect(traits.destination.address).toBe('127.0.0.1');
  });
});

test('a socket without a handle has no original destination', () => {
  expect(originalDestination({} as Socket)).toBe(null);
});
