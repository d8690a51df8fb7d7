import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRegistry, fromJson, type JsonObject } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitFor } from '../../../test/support/wait-for.ts';
import { AccessLogFilterSchema, AccessLogSchema } from '../../xds/gen/envoy/config/accesslog/v3/accesslog_pb.ts';
import { FileAccessLogSchema } from '../../xds/gen/envoy/extensions/access_loggers/file/v3/file_pb.ts';
import { StdoutAccessLogSchema } from '../../xds/gen/envoy/extensions/access_loggers/stream/v3/stream_pb.ts';
import { RouterSchema } from '../../xds/gen/envoy/extensions/filters/http/router/v3/router_pb.ts';
import { noRuntime } from '../config/runtime-keys.ts';
import { flag } from '../http/flags.ts';
import { HeaderMap } from '../http/headers.ts';
import { testExchange } from '../testing/exchange.ts';
import { decodeAccessLogs } from './decode.ts';
import { compileLogFilter } from './filter.ts';

const registry = createRegistry(FileAccessLogSchema, StdoutAccessLogSchema, RouterSchema);
const folder = mkdtempSync(join(tmpdir(), 'tulle-log-'));
afterAll(() => rmSync(folder, { recursive: true }));

const decode = (typed: JsonObject) =>
  decodeAccessLogs([fromJson(AccessLogSchema, { name: 'l', typed_config: typed }, { registry })], 'access_log')[0]!;
const file = (json: JsonObject) => decode({ '@type': `type.googleapis.com/${FileAccessLogSchema.typeName}`, ...json });

const lines: readonly [name: string, format: JsonObject, wants: string][] = [
  ['text', { log_format: { text_format_source: { inline_string: '%REQ(:METHOD)% %ROUTE_NAME%\n' } } }, 'GET -\n'],
  [
    'text without what is missing',
    { log_format: { text_format: '[%ROUTE_NAME%]\n', omit_empty_values: true } },
    '[]\n',
  ],
  ['json', { log_format: { json_format: { m: '%REQ(:METHOD)%', r: '%ROUTE_NAME%' } } }, '{"m":"GET","r":null}\n'],
  ['deprecated', { format: 'x %RESPONSE_CODE%\n' }, 'x 0\n'],
  ['the default', {}, '[2023-11-14T22:13:20.123Z] "GET / HTTP/1.1" 0 - 0 0 5 - "-" "-" "-" "shop.example" "-"\n'],
];

describe('a file gets lines', () => {
  // All at once, because a sink waits for more before it writes.
  beforeAll(() => {
    for (const [name, format] of lines) file({ path: join(folder, name), ...format }).write(testExchange(), 1005);
  });

  test.each(lines)('%s', async (name, _format, wants) => {
    const path = join(folder, name);
    await waitFor(`lines in ${name}`, () => existsSync(path) && readFileSync(path, 'utf8') === wants);
  });
});

test.each<[JsonObject, string]>([
  [
    { '@type': `type.googleapis.com/${RouterSchema.typeName}` },
    'access_log[0].typed_config: type envoy.extensions.filters.http.router.v3.Router is not supported',
  ],
  [{ '@type': `type.googleapis.com/${FileAccessLogSchema.typeName}` }, 'access_log[0].typed_config.path: is empty'],
  [
    { '@type': `type.googleapis.com/${StdoutAccessLogSchema.typeName}`, log_format: { text_format: '%NO%' } },
    'access_log[0].typed_config.log_format.text_format: %NO% is not supported',
  ],
])('%j is refused', (typed, wants) => {
  expect(() => decode(typed)).toThrow(wants);
});

describe('filters', () => {
  const status = (op: string, default_value: number) => ({
    status_code_filter: { comparison: { op, value: { default_value, runtime_key: 'k' } } },
  });
  const duration = { duration_filter: { comparison: { op: 'GE', value: { default_value: 5, runtime_key: 'k' } } } };
  const flags = (...names: string[]) => ({ response_flag_filter: { flags: names } });
  test.each<[filter: JsonObject, wants: boolean]>([
    [status('EQ', 503), true],
    [status('EQ', 500), false],
    [status('GE', 500), true],
    [status('LE', 500), false],
    [status('NE', 503), false],
    [duration, true],
    [{ not_health_check_filter: {} }, true],
    [{ and_filter: { filters: [duration, status('EQ', 500)] } }, false],
    [{ or_filter: { filters: [duration, status('EQ', 500)] } }, true],
    [{ header_filter: { header: { name: 'x' } } }, true],
    [{ header_filter: { header: { name: 'y' } } }, false],
    [flags(), true],
    [flags('UF'), true],
    [flags('NR', 'UH'), false],
  ])('%j: %s', (filter, wants) => {
    const exchange = testExchange({ headers: ['x', ''] });
    exchange.response = { status: 503, headers: new HeaderMap() };
    exchange.flags = flag.upstreamConnectionFailure;
    expect(compileLogFilter(fromJson(AccessLogFilterSchema, filter), 'f')(exchange, 1005, noRuntime)).toBe(wants);
  });

  test.each<JsonObject>([{ use_independent_randomness: true }, {}])('a share of requests: %j', (how) => {
    const runtime_filter = { runtime_key: 'k', percent_sampled: { numerator: 30 }, ...how };
    const matches = compileLogFilter(fromJson(AccessLogFilterSchema, { runtime_filter }), 'f');
    const exchanges = Array.from({ length: 2_000 }, (_, id) => testExchange({}, { id }));
    const share = exchanges.filter((exchange) => matches(exchange, 1005, noRuntime)).length / exchanges.length;
    expect(share).toBeGreaterThan(0.27);
    expect(share).toBeLessThan(0.33);
  });

  test.each<[name: string, filter: JsonObject, value: number, wants: boolean]>([
    ['a limit', status('GE', 500), 504, false],
    ['a share', { runtime_filter: { runtime_key: 'k', percent_sampled: {} } }, 100, true],
    [
      'a share of a million',
      { runtime_filter: { runtime_key: 'k', percent_sampled: { numerator: 1_000_000, denominator: 'MILLION' } } },
      1,
      false,
    ],
  ])('%s from the runtime', (_name, filter, value, wants) => {
    const exchange = testExchange({ headers: ['x-request-id', '00000063-0000-4000-8000-000000000000'] });
    exchange.response = { status: 503, headers: new HeaderMap() };
    const matches = compileLogFilter(fromJson(AccessLogFilterSchema, filter), 'f');
    expect(matches(exchange, 1005, { ...noRuntime, integer: () => value })).toBe(wants);
    expect(matches(exchange, 1005, noRuntime)).toBe(!wants);
  });

  test.each<[filter: JsonObject, wants: string]>([
    [{ status_code_filter: { comparison: { value: { default_value: 1 } } } }, 'comparison.value.runtime_key: is empty'],
    [{ runtime_filter: {} }, 'f.runtime_filter.runtime_key: is empty'],
  ])('%j is refused', (filter, wants) => {
    expect(() => compileLogFilter(fromJson(AccessLogFilterSchema, filter), 'f')).toThrow(wants);
  });

  test('no flag is none of them', () => {
    const matches = compileLogFilter(fromJson(AccessLogFilterSchema, flags()), 'f');
    expect(matches(testExchange(), 1005, noRuntime)).toBe(false);
  });
});
