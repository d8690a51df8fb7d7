// What endpoints are told of clients before anything else, and that no client's connection serves another.
import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { TimerWheel } from '../../lib/timer-wheel.ts';
import type { ProxyHeaderConfig } from '../config/proxy-header.ts';
import type { Downstream } from '../http/exchange.ts';
import type { ClientSession } from '../http/stream.ts';
import { Http2Stats } from '../http2/stats.ts';
import { cluster, limits } from '../testing/configs.ts';
import { testExchange } from '../testing/exchange.ts';
import { MemorySocket } from '../testing/memory-socket.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import type { Connector, ConnectResult, Purpose } from './connector.ts';
import { createHostPools } from './host-pools.ts';
import { HostStats } from './host-stats.ts';
import type { PoolWaiter } from './pool.ts';
import { poolLimits } from './pool-limits.ts';
import { encodeProxyHeader, proxyHeaderConnector } from './proxy-header.ts';
import { ClusterStats } from './stats.ts';

const config = (change: Partial<ProxyHeaderConfig> = {}): ProxyHeaderConfig => ({
  version: 2,
  passes: [],
  added: [],
  ...change,
});
const tlv = (type: number, text: string) => ({ type, value: Buffer.from(text) });
const client = (change: Partial<Downstream> = {}): Downstream =>
  testExchange(
    {},
    { remote: { address: '10.0.0.1', port: 1234 }, local: { address: '10.0.0.2', port: 443 }, ...change },
  ).downstream;
const six: Partial<Downstream> = { remote: { address: '::1', port: 1 }, local: { address: '2001:db8::2', port: 2 } };
const unix: Partial<Downstream> = { remote: { address: '', port: 0 }, local: { address: '/run/s', port: 0 } };
const HEAD = '0d0a0d0a000d0a515549540a';

describe('what is written', () => {
  test.each<[string, Partial<ProxyHeaderConfig>, Partial<Downstream>, string]>([
    ['text', { version: 1 }, {}, 'PROXY TCP4 10.0.0.1 10.0.0.2 1234 443\r\n'],
    ['text, IPv6', { version: 1 }, six, 'PROXY TCP6 ::1 2001:db8::2 1 2\r\n'],
    ['text, a Unix socket', { version: 1 }, unix, 'PROXY UNKNOWN\r\n'],
  ])('%s', (_name, change, downstream, wants) => {
    expect(encodeProxyHeader(config(change), client(downstream)).toString('latin1')).toBe(wants);
  });

  test.each<[string, Partial<ProxyHeaderConfig>, Partial<Downstream>, string]>([
    ['binary', {}, {}, `${HEAD}2111000c0a0000010a00000204d201bb`],
    [
      'binary, IPv6',
      {},
      six,
      `${HEAD}212100240000000000000000000000000000000120010db800000000000000000000000200010002`,
    ],
    ['binary, a Unix socket', {}, unix, `${HEAD}20000000`],
    ['binary, no TLV passes', {}, { proxyTlvs: [tlv(1, 'a')] }, `${HEAD}2111000c0a0000010a00000204d201bb`],
    [
      'binary, own TLVs replace those that pass',
      { passes: 'all', added: [tlv(2, 'mine')] },
      { proxyTlvs: [tlv(1, 'a'), tlv(2, 'b')] },
      `${HEAD}211100170a0000010a00000204d201bb0200046d696e6501000161`,
    ],
  ])('%s', (_name, change, downstream, wants) => {
    expect(encodeProxyHeader(config(change), client(downstream)).toString('hex')).toBe(wants);
  });

  test('a TLV that makes it too long is left out', () => {
    const header = encodeProxyHeader(
      config({ added: [tlv(1, 'x'.repeat(65_000)), tlv(2, 'y'.repeat(600)), tlv(3, 'z')] }),
      client(),
    );
    expect(header.length).toBe(16 + 12 + 3 + 65_000 + 3 + 1);
    expect(header.readUInt16BE(14)).toBe(header.length - 16);
  });
});

function stand(version: 1 | 2 = 1) {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock, (error) => expect.unreachable(String(error)));
  const made: { readonly result: ConnectResult; readonly socket: MemorySocket }[] = [];
  const inner: Connector = {
    connect(_address, _port, result) {
      made.push({ result, socket: new MemorySocket() });
      return () => undefined;
    },
  };
  const connector = proxyHeaderConnector(config({ version }), inner);
  const stats = new ClusterStats();
  const settings = {
    ...poolLimits(cluster('c', [])),
    stats,
    http2Stats: new Http2Stats(),
    clock,
    wheel,
    random: () => 0,
  };
  const breakers = { default: new CircuitBreaker(limits(), stats), high: new CircuitBreaker(limits(), stats) };
  const pools = createHostPools({ address: '10.9.9.9', port: 80, stats: new HostStats() }, connector, 'http1', {
    settings,
    breakers,
  });
  const connected = (nth: number) => made[nth]!.result.onConnected(made[nth]!.socket as Socket, '', null);
  return { made, connector, pools, connected };
}

function waiter() {
  const sessions: ClientSession[] = [];
  const failures: string[] = [];
  const waits: PoolWaiter = {
    onReady: (session) => void sessions.push(session),
    onFailure: (reason) => void failures.push(reason),
    onBug: (error) => expect.unreachable(String(error)),
  };
  return { ...waits, sessions, failures };
}

test('each client has connections of its own, as long as there are any', () => {
  const { pools, made, connected } = stand();
  const [first, second] = [testExchange(), testExchange({}, { remote: { address: '10.1.2.3', port: 9 } })];
  pools.for('HTTP/1.1', 'default', first).acquire(waiter());
  pools.for('HTTP/1.1', 'default', second).acquire(waiter());
  expect(made.length).toBe(2);
  expect(pools.for('HTTP/1.1', 'default', testExchange())).toBe(pools.for('HTTP/1.1', 'default', first));
  const [pool, other] = [pools.for('HTTP/1.1', 'default', first), pools.for('HTTP/1.1', 'default', second)];
  expect(pool).not.toBe(other);
  connected(0);
  expect(made[0]!.socket.written).toContain('PROXY TCP4 10.1.2.3 127.0.0.1 40000 8080\r\n');
  made[0]!.socket.destroy();
  return new Promise<void>((resolve) => {
    made[0]!.socket.once('close', () => {
      expect(pools.for('HTTP/1.1', 'default', first), 'its pool went with its last connection').not.toBe(pool);
      expect(pools.for('HTTP/1.1', 'default', second)).toBe(other);
      resolve();
    });
  });
});

test('nothing is kept of a connection that failed', () => {
  const { pools, made } = stand();
  const asks = waiter();
  pools.for('HTTP/1.1', 'default', testExchange()).acquire(asks);
  made[0]!.result.onFailed('no');
  expect(asks.failures).toEqual(['connection-failure']);
  expect(pools.used).toBe(false);
});

test.each([
  [1, 'PROXY TCP4 127.0.0.1 10.9.9.9 5 80\r\n'],
  [2, Buffer.from(`${HEAD}20000000`, 'hex').toString('latin1')],
] as const)('the proxy itself, in version %s', (version, wants) => {
  const { connector } = stand(version);
  const written: string[] = [];
  const socket = {
    localAddress: '127.0.0.1',
    localPort: 5,
    write: (bytes: Buffer) => written.push(bytes.toString('latin1')),
  };
  const through = proxyHeaderConnector(config({ version }), {
    connect(_address, _port, result) {
      result.onConnected(socket as unknown as Socket, '', null);
      return () => undefined;
    },
  });
  through.connect('10.9.9.9', 80, { onConnected: () => undefined, onFailed: () => undefined });
  expect(written).toEqual([wants]);
  const purpose: Purpose | undefined = connector.purposeOf?.(testExchange());
  expect(purpose?.key).toBe(purpose?.preface?.toString('latin1'));
});
