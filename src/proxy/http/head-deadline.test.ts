import { expect, test } from 'vitest';
import { headDeadline } from './head-deadline.ts';

const none = { requestHeadersTimeout: 0, requestTimeout: 0, streamIdleTimeout: 0, maxStreamDuration: 0 };

test.each([
  ['the time of a head', { requestHeadersTimeout: 5, requestTimeout: 9 }, 5, 'head'],
  ['the time of a request', { requestHeadersTimeout: 9, requestTimeout: 5 }, 5, 'request'],
  ['the time between signs of life', { requestTimeout: 9, streamIdleTimeout: 5 }, 5, 'idle'],
  ['the time of an exchange', { streamIdleTimeout: 9, maxStreamDuration: 5 }, 5, 'duration'],
] as const)('%s', (_name, limits, after, late) => {
  expect(headDeadline({ ...none, ...limits })).toMatchObject({ after, fault: { status: 408, late } });
});

test('no limit, no deadline', () => {
  expect(headDeadline(none)).toBeNull();
});
