import { expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { TimerWheel } from '../../lib/timer-wheel.ts';
import type { AccessLog } from '../log/access-log.ts';
import { testExchange } from '../testing/exchange.ts';
import { EarlyLogs } from './early-logs.ts';

test('lines at the beginning and every so often, until the end', () => {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock, (error) => expect.unreachable(String(error)));
  const lines: string[] = [];
  const log: AccessLog = { write: ({ logType }, ended) => void lines.push(`${logType} ${ended}`) };
  const early = new EarlyLogs({ onNewRequest: true, interval: 100 }, (logged) => log.write(logged, 0), wheel);
  const exchange = testExchange();
  early.begin(exchange);
  clock.advance(250);
  early.end(exchange);
  clock.advance(1_000);
  expect(lines).toEqual(['DownstreamStart 0', 'DownstreamPeriodic 0', 'DownstreamPeriodic 0']);
  expect(exchange.logType).toBe('DownstreamEnd');
});
