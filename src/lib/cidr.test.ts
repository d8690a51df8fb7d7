import { expect, test } from 'vitest';
import { addressBytes, compileCidr } from './cidr.ts';

test.each<[string, number | undefined, string, boolean]>([
  ['10.0.0.0', 8, '10.255.1.2', true],
  ['10.0.0.0', 8, '11.0.0.1', false],
  ['10.1.2.3', 8, '10.9.9.9', true],
  ['0.0.0.0', 0, '192.0.2.1', true],
  ['0.0.0.0', 0, '2001:db8::1', false],
  ['127.0.0.1', 32, '127.0.0.1', true],
  ['127.0.0.1', undefined, '127.0.0.2', false],
  ['10.0.0.0', 8, '::ffff:10.0.0.1', true],
  ['127.0.0.1', 32, '::ffff:127.0.0.1', true],
  ['2001:db8::', 32, '2001:db8:1::1', true],
  ['2001:db8::', 32, '2001:db9::1', false],
  ['::1', undefined, '0:0:0:0:0:0:0:1', true],
  ['10.0.0.0', 8, 'not an address', false],
])('%s/%s has %s: %s', (prefix, length, address, wants) => {
  expect(compileCidr(prefix, length)!(address)).toBe(wants);
});

test.each<[string, number | undefined]>([
  ['10.0.0', 8],
  ['10.0.0.0', 33],
  ['10.0.0.0', -1],
  ['::', 129],
  ['', undefined],
])('%s/%s is no range', (prefix, length) => {
  expect(compileCidr(prefix, length)).toBe(null);
});

test.each([
  ['10.0.0.7', '0a000007'],
  ['::ffff:10.0.0.7', '0a000007'],
  ['2001:db8::1', '20010db8000000000000000000000001'],
  ['::10.0.0.7', '0000000000000000000000000a000007'],
  ['/run/socket', undefined],
])('bytes of %s', (address, wants) => {
  expect(addressBytes(address)?.toString('hex')).toBe(wants);
});
