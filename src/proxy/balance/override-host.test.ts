import { expect, test } from 'vitest';
import { HeaderMap } from '../http/headers.ts';
import { balancer, endpoint } from '../testing/balancing.ts';
import { anyEndpoint } from './balancer.ts';
import { unfit } from './health.ts';

const endpoints = [
  endpoint('10.0.0.1:80'),
  endpoint('10.0.0.2:80', { health: unfit.failedEds }),
  endpoint('[::1]:80'),
  endpoint('10.0.0.9:80', { priority: 1 }),
];
const only = [endpoint('10.0.0.7:80')];
const policy = { overrideHeaders: ['x-first', 'x-second'] };

const pick = (headers: readonly string[], attempt = 0, list = endpoints) =>
  balancer(list, policy).pick({ ...anyEndpoint, now: 1000, headers: new HeaderMap([...headers]), attempt })?.name;

test.each([
  ['the endpoint it names', ['x-first', '10.0.0.1:80'], '10.0.0.1:80'],
  ['whatever its health', ['x-first', '10.0.0.2:80'], '10.0.0.2:80'],
  ['whatever its priority', ['x-first', '10.0.0.9:80'], '10.0.0.9:80'],
  ['over IPv6', ['x-first', '[::1]:80'], '[::1]:80'],
  ['the first it names that is there', ['x-first', '10.0.0.3:80, 10.0.0.2:80,10.0.0.1:80'], '10.0.0.2:80'],
  ['what the first header says', ['x-second', '10.0.0.1:80', 'x-first', '10.0.0.2:80'], '10.0.0.2:80'],
  ['what the second says where there is no first', ['x-second', '10.0.0.2:80'], '10.0.0.2:80'],
  [
    'what the second says where nobody of the first is there',
    ['x-first', '10.0.0.3:80', 'x-second', '10.0.0.2:80'],
    '10.0.0.2:80',
  ],
])('a request goes to %s', (_name, headers, wants) => {
  expect(pick(headers)).toBe(wants);
});

test('each try takes the next, then the policy chooses', () => {
  const headers = ['x-first', '10.0.0.2:80, 10.0.0.9:80'];
  expect([0, 1].map((attempt) => pick(headers, attempt))).toEqual(['10.0.0.2:80', '10.0.0.9:80']);
  expect(pick(['x-first', '10.0.0.7:80'], 1, only)).toBe('10.0.0.7:80');
});

test.each([
  ['none is named', []],
  ['none of them is there', ['x-first', '10.0.0.1:80']],
  ['nobody understands it', ['x-first', 'somewhere']],
])('the policy chooses where %s', (_name, headers) => {
  expect(pick(headers, 0, only)).toBe('10.0.0.7:80');
});
