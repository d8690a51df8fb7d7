import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { HTTPFaultSchema } from '../../xds/gen/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import { flag } from '../http/flags.ts';
import { testExchange } from '../testing/exchange.ts';
import { testScope } from '../testing/scope.ts';
import { createFault } from './fault.ts';

const always = { numerator: 100 };
const half = { numerator: 50 };
const abort = (percentage: JsonObject) => ({ abort: { http_status: 418, percentage } });
const delay = (percentage: JsonObject) => ({ delay: { fixed_delay: '2s', percentage } });

function run(config: JsonObject, random: () => number, headers: readonly string[] = []) {
  const clock = new ManualClock();
  const exchange = testExchange({ headers });
  const filter = createFault(fromJson(HTTPFaultSchema, config), 'fault', 'f');
  return { clock, exchange, outcome: filter.request!(exchange, testScope({ clock, random })) };
}

describe('abort', () => {
  test.each<[name: string, config: JsonObject, random: number, headers: string[], aborted: boolean]>([
    ['always', abort(always), 0.99, [], true],
    ['nothing configured', {}, 0, [], false],
    ['no percentage is none', { abort: { http_status: 418 } }, 0, [], false],
    ['inside the share', abort(half), 0.499, [], true],
    ['outside the share', abort(half), 0.5, [], false],
    ['headers that match', { ...abort(always), headers: [{ name: 'x' }] }, 0, ['x', ''], true],
    ['headers that do not', { ...abort(always), headers: [{ name: 'x' }] }, 0, [], false],
  ])('%s', (_name, config, random, headers, aborted) => {
    const { exchange, outcome } = run(config, () => random, headers);
    expect(outcome).toEqual(
      aborted
        ? {
            status: 418,
            body: 'fault filter abort',
            details: 'fault_filter_abort',
            flags: flag.faultInjected,
            headers: null,
          }
        : undefined,
    );
    expect(exchange.flags).toBe(aborted ? flag.faultInjected : 0);
  });
});

test('a delayed request goes on when its time is over, and not before', async () => {
  const { clock, exchange, outcome } = run(delay(always), () => 0);
  let done = false;
  const settled = Promise.resolve(outcome).then((reply) => {
    done = true;
    return reply;
  });
  clock.advance(1999);
  await Promise.resolve();
  expect(done).toBe(false);
  clock.advance(1);
  expect(await settled).toBe(undefined);
  expect(exchange.flags).toBe(flag.delayInjected);
});

test('delay and abort: both, each by its own share', async () => {
  const { clock, exchange, outcome } = run({ ...delay(half), ...abort(half) }, () => 0.4);
  clock.advance(2000);
  expect(await outcome).toMatchObject({ status: 418 });
  expect(exchange.flags).toBe(flag.delayInjected | flag.faultInjected);
});

test.each<[JsonObject, string]>([
  [{ delay: {} }, 'f.delay: has no fixed_delay'],
  [{ delay: { fixed_delay: '0s' } }, 'f.delay.fixed_delay: must be more than 0'],
  [{ abort: { grpc_status: 1 } }, 'f.abort: has no http_status'],
  [{ abort: { http_status: 600 } }, 'f.abort.http_status: 600 is no status'],
])('%j is refused', (config, wants) => {
  expect(() => run(config, () => 0)).toThrow(wants);
});
