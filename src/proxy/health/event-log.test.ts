import { describe, expect, test } from 'vitest';
import type { HealthEventsConfig } from '../config/health-check-types.ts';
import { endpoint, healthCheck } from '../testing/configs.ts';
import { hostOf } from '../testing/hosts.ts';
import { EventLog, failureOf, PASSIVE } from './event-log.ts';

const ill = failureOf({ kind: 'unhealthy', retriable: false, status: 503 });
const probe = { kind: 'tcp', send: Buffer.alloc(0), receive: [] } as const;

function make(change: Partial<HealthEventsConfig> = {}, host = hostOf(endpoint(80, { locality: 'r/z/' }))) {
  const lines: string[] = [];
  const check = healthCheck(probe, 1000, { events: { paths: ['f'], failures: false, successes: false, ...change } });
  const writers = [{ write: (line: string) => void lines.push(line) }];
  const log = new EventLog(check, { cluster: 'shöp', epoch: () => 1_500, writers });
  const told = () => lines.map((line) => JSON.parse(Buffer.from(line, 'latin1').toString()) as Record<string, unknown>);
  return { log, host, lines, told };
}

const failure = (type: string, status = 0) => ({ failure_type: type, http_status_code: status });

describe('what is told', () => {
  test.each<[string, Partial<HealthEventsConfig>, (made: ReturnType<typeof make>) => void, object[]]>([
    [
      'there for the first time',
      {},
      ({ log, host }) => log.succeeded(host, true, true),
      [{ add_healthy_event: { first_check: true } }],
    ],
    ['well again', {}, ({ log, host }) => log.succeeded(host, false, false), []],
    [
      '… where all of it is',
      { successes: true },
      ({ log, host }) => log.succeeded(host, false, false),
      [{ successful_health_check_event: {} }],
    ],
    [
      'left out',
      {},
      ({ log, host }) => log.failed(host, ill, true, false),
      [{ eject_unhealthy_event: failure('ACTIVE', 503) }],
    ],
    [
      'ill at first',
      {},
      ({ log, host }) => log.failed(host, ill, false, true),
      [{ health_check_failure_event: { ...failure('ACTIVE', 503), first_check: true } }],
    ],
    ['ill again', {}, ({ log, host }) => log.failed(host, ill, false, false), []],
    [
      '… where all of it is',
      { failures: true },
      ({ log, host }) => log.failed(host, failureOf({ kind: 'timeout' }), true, false),
      [
        { eject_unhealthy_event: failure('NETWORK_TIMEOUT') },
        { health_check_failure_event: { ...failure('NETWORK_TIMEOUT'), first_check: false } },
      ],
    ],
    [
      'nobody there',
      {},
      ({ log, host }) => log.failed(host, failureOf({ kind: 'network' }), true, false),
      [{ eject_unhealthy_event: failure('NETWORK') }],
    ],
    [
      'an answer said so',
      {},
      ({ log, host }) => log.failed(host, PASSIVE, true, false),
      [{ eject_unhealthy_event: failure('PASSIVE') }],
    ],
    ['degraded', {}, ({ log, host }) => log.degraded(host, true), [{ degraded_healthy_host: {} }]],
    ['no longer', {}, ({ log, host }) => log.degraded(host, false), [{ no_longer_degraded_host: {} }]],
  ])('%s', (_name, change, run, wants) => {
    const made = make(change);
    run(made);
    expect(made.told()).toHaveLength(wants.length);
    expect(made.told()).toMatchObject(wants);
  });
});

test('of whom, and when', () => {
  const { log, host, lines, told } = make(
    {},
    hostOf(endpoint(80, { locality: 'r/z/', metadata: { 'envoy.lb': { v: 1 } } })),
  );
  log.degraded(host, true);
  expect(lines[0]!.endsWith('}\n')).toBe(true);
  expect(told()[0]).toMatchObject({
    health_checker_type: 'TCP',
    cluster_name: 'shöp',
    host: { socket_address: { protocol: 'TCP', address: '127.0.0.1', port_value: 80 } },
    timestamp: '1970-01-01T00:00:01.500Z',
    metadata: { filter_metadata: { 'envoy.lb': { v: 1 } } },
    locality: { region: 'r', zone: 'z', sub_zone: '' },
  });
});

test('of a Unix socket', () => {
  const { log, host, told } = make({}, hostOf(endpoint(0, { address: '/run/x.sock' })));
  log.degraded(host, true);
  expect(told()[0]).toMatchObject({ host: { pipe: { path: '/run/x.sock' } } });
  expect(told()[0]).not.toHaveProperty('metadata');
});
