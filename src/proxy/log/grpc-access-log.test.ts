import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { type Any, anyUnpack, StringValueSchema } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { TimerWheel } from '../../lib/timer-wheel.ts';
import { HttpGrpcAccessLogConfigSchema } from '../../xds/gen/envoy/extensions/access_loggers/grpc/v3/als_pb.ts';
import type { StreamAccessLogsMessage } from '../../xds/gen/envoy/service/accesslog/v3/als_pb.ts';
import { noRuntime } from '../config/runtime-keys.ts';
import { testExchange } from '../testing/exchange.ts';
import type { AccessLog, LogServices } from './access-log.ts';
import { decodeHttpGrpcLog } from './grpc-access-log.ts';
import { httpEntry } from './grpc-log-entry.ts';
import { LogStreamStats } from './grpc-log-stream.ts';

const config = (change: JsonObject = {}) => ({
  log_name: 'log',
  transport_api_version: 'V3',
  grpc_service: { envoy_grpc: { cluster_name: 'als' } },
  ...change,
});
const decode = (common: JsonObject | null): AccessLog =>
  decodeHttpGrpcLog(fromJson(HttpGrpcAccessLogConfigSchema, common === null ? {} : { common_config: common }), 'log');

/** A service that can refuse, break and be slow. */
function service(common: JsonObject) {
  const clock = new ManualClock();
  const stats = new LogStreamStats();
  const state = {
    refuses: false,
    congested: false,
    opened: 0,
    closed: 0,
    sent: [] as string[],
    break: (): void => undefined,
  };
  const client = {
    stream(_method: unknown, _target: unknown, handler: { onClosed(status: object): void }) {
      const ended = () => handler.onClosed({ code: 14, message: '' });
      state.opened += 1;
      state.break = ended;
      if (state.refuses) ended();
      return {
        get congested() {
          return state.congested;
        },
        send({ identifier, logEntries }: StreamAccessLogsMessage) {
          const entries = logEntries.case === 'httpLogs' ? logEntries.value.logEntry : [];
          state.sent.push([identifier?.logName ?? '', ...entries.map(({ request }) => request?.path)].join(' '));
        },
        close() {
          state.closed += 1;
        },
        cancel: () => undefined,
      };
    },
  };
  const services = {
    client,
    wheel: new TimerWheel(clock, (error) => expect.unreachable(String(error))),
    node: { id: 'node', cluster: '' },
    runtime: noRuntime,
    filterStats: () => stats,
  } as unknown as LogServices;
  const log = decode(common).open!(services);
  return { clock, stats, state, write: (path: string) => log.write(testExchange({ path }), 1005) };
}

test('entries are gathered for a while, or until there are enough bytes; the first message says who sends', () => {
  const { clock, state, stats, write } = service(config({ buffer_size_bytes: 250 }));
  write('/1');
  expect(state.sent).toEqual([]);
  clock.advance(1_010);
  expect(state.sent).toEqual(['log /1']);
  write('/2');
  write('/3');
  write('/4');
  expect(state.sent[1]).toBe(' /2 /3 /4');
  clock.advance(1_010);
  expect(stats).toMatchObject({ logs_written: 4, logs_dropped: 0 });
  expect(state.opened).toBe(1);
});

test('without a buffer each entry goes at once', () => {
  const { state, write } = service(config({ buffer_size_bytes: 0 }));
  write('/1');
  write('/2');
  expect(state.sent).toEqual(['log /1', ' /2']);
});

test('a service that is gone costs bounded memory, and is asked again once per interval', () => {
  const { clock, state, stats, write } = service(config());
  state.refuses = true;
  for (let i = 0; i < 2_000; i++) write('/x');
  clock.advance(1_010);
  for (let i = 0; i < 2_000; i++) write('/x');
  expect(state.opened).toBeLessThan(5);
  expect(stats.logs_dropped).toBeGreaterThan(3_000);
  state.refuses = false;
  clock.advance(1_010);
  expect(stats.logs_written + stats.logs_dropped).toBe(4_000);
});

test('one that does not read is not written to', () => {
  const { clock, state, write } = service(config({ buffer_size_bytes: 0 }));
  write('/1');
  state.congested = true;
  write('/2');
  clock.advance(1_010);
  expect(state.sent).toHaveLength(1);
  state.congested = false;
  clock.advance(1_010);
  expect(state.sent).toEqual(['log /1', ' /2']);
});

test('a stream that broke is opened anew; one that is idle is given back', () => {
  const { clock, state, write } = service(config());
  write('/1');
  clock.advance(1_010);
  state.break();
  write('/2');
  clock.advance(1_010);
  expect(state.sent).toEqual(['log /1', 'log /2']);
  clock.advance(61_000);
  expect([state.opened, state.closed]).toEqual([2, 1]);
  write('/3');
  clock.advance(1_010);
  expect(state.sent.at(-1)).toBe('log /3');
});

test.each<[JsonObject | null, string]>([
  [null, 'log.common_config: is required'],
  [config({ log_name: '' }), 'log.common_config.log_name: is empty'],
  [config({ transport_api_version: 'V2' }), 'log.common_config.transport_api_version: must be V3'],
  [config({ buffer_flush_interval: '0s' }), 'log.common_config.buffer_flush_interval: must be more than 0'],
  [config({ grpc_service: {} }), 'log.common_config.grpc_service.envoy_grpc: is required'],
])('%j is refused', (common, wants) => {
  expect(() => decode(common)).toThrow(wants);
});

test('texts in filter state are said where they are asked for', () => {
  const exchange = testExchange();
  exchange.filterState = new Map([
    ['tenant', 'caf\xc3\xa9'],
    ['other', 'x'],
  ]);
  const options = { customTags: [], requestHeaders: [], responseHeaders: [], responseTrailers: [] };
  const said = (filterState: string[]) => httpEntry(exchange, 0, { ...options, filterState }).commonProperties;
  expect(said([])).not.toHaveProperty('filterStateObjects');
  const { filterStateObjects } = said(['tenant', 'none']) as { filterStateObjects: Record<string, Any> };
  expect(Object.keys(filterStateObjects)).toEqual(['tenant']);
  expect(anyUnpack(filterStateObjects['tenant']!, StringValueSchema)?.value).toBe('café');
});
