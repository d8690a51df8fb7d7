import { expect, test } from 'vitest';
import { refuse } from './guard.ts';

const own = { host: '127.0.0.1:7080' };

test.each([
  ['an address', own],
  ['localhost', { host: 'localhost:7080' }],
  ['another loopback address', { host: '127.1.2.3:7080' }],
  ['IPv6', { host: '[::1]:7080' }],
  ['its own page', { ...own, origin: 'http://127.0.0.1:7080', 'sec-fetch-site': 'same-origin' }],
  ['a link on another site', { ...own, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }],
])('lets pass: %s', (_name, headers) => {
  expect(refuse({ headers, method: 'GET' }, 7080)).toBeNull();
});

test.each([
  ['no Host', {}, 403],
  ['a name that points at us', { host: 'evil.example:7080' }, 403],
  ['a name that begins like ours', { host: 'localhost.evil.example:7080' }, 403],
  ['another port', { host: '127.0.0.1:7081' }, 403],
  ['no port, which is 80', { host: '127.0.0.1' }, 403],
  ['credentials before the host', { host: 'x@127.0.0.1:7080' }, 403],
  ['a foreign origin', { ...own, origin: 'http://evil.example' }, 403],
  ['an origin of another port', { ...own, origin: 'http://127.0.0.1:3000' }, 403],
  ['an origin over TLS', { ...own, origin: 'https://127.0.0.1:7080' }, 403],
  ['an opaque origin', { ...own, origin: 'null' }, 403],
  ['a script of another site', { ...own, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }, 403],
])('refuses %s', (_name, headers, status) => {
  expect(refuse({ headers, method: 'GET' }, 7080)?.status).toBe(status);
});

test('only reading is allowed', () => {
  expect(refuse({ headers: own, method: 'POST' }, 7080)?.status).toBe(405);
  expect(refuse({ headers: own, method: 'HEAD' }, 7080)).toBeNull();
});
