import { expect, test } from 'vitest';
import { cidr } from './address.ts';
import { nearest } from './nearest.ts';
import { type Parser, show } from './parser.ts';
import {
  boolean,
  gatewayDuration,
  goDuration,
  headerName,
  headerValue,
  hostname,
  integer,
  method,
  name,
  number,
  oneOf,
  percent,
  port,
  quantity,
  regex,
  text,
} from './values.ts';

const outcome = <T>(parse: Parser<T>, raw: unknown): T | string => {
  const parsed = parse(raw);
  return parsed.ok ? parsed.value : `! ${parsed.message}`;
};

test.each<[string, Parser<unknown>, unknown, unknown]>([
  ['go: one unit', goDuration, '250ms', 250],
  ['go: several units and fractions', goDuration, '1h2m3.5s', 3_723_500],
  ['go: fraction without digits before', goDuration, '.5s', 500],
  ['go: microseconds in both spellings', goDuration, '1us1µs', 0.002],
  ['go: a bare zero', goDuration, '0', 0],
  ['go: zero with a unit', goDuration, '0s', 0],
  ['go: no unit', goDuration, '10', '! "10" is not a duration'],
  ['go: negative', goDuration, '-1s', '! "-1s" is not a duration'],
  ['go: space', goDuration, '1 s', '! "1 s" is not a duration'],
  ['go: trailing rubbish', goDuration, '1sx', '! "1sx" is not a duration'],
  ['go: empty', goDuration, '', '! "" is not a duration'],
  ['go: number', goDuration, 5, '! 5 is not a duration'],
  ['gateway: several parts', gatewayDuration, '1h30m10s500ms', 5_410_500],
  ['gateway: fraction', gatewayDuration, '1.5s', '! "1.5s" is not a duration'],
  ['gateway: six digits', gatewayDuration, '100000ms', '! "100000ms" is not a duration'],
  ['gateway: microseconds', gatewayDuration, '1us', '! "1us" is not a duration'],
  ['port: lowest', port, 1, 1],
  ['port: highest', port, 65535, 65535],
  ['port: zero', port, 0, '! 0 is not a port'],
  ['port: text', port, '80', '! "80" is not a port'],
  ['quantity: milli', quantity, '900m', 0.9],
  ['quantity: plain text', quantity, '1', 1],
  ['quantity: number', quantity, 2.5, 2.5],
  ['quantity: binary', quantity, '2Ki', 2048],
  ['quantity: negative', quantity, -1, '! -1 is not a quantity'],
  ['quantity: infinite', quantity, Number.POSITIVE_INFINITY, '! Infinity is not a quantity'],
  ['quantity: unknown suffix', quantity, '1x', '! "1x" is not a quantity'],
  ['text: a number wants quotes', text, 1, '! 1 is not a string'],
  ['name: empty', name, '', '! is empty'],
  ['boolean: the word', boolean, 'true', '! "true" is not true or false'],
  ['integer: fraction', integer(0, 5), 1.5, '! 1.5 is not a whole number from 0 to 5'],
  ['integer: above', integer(0, 5), 6, '! 6 is not a whole number from 0 to 5'],
  ['number: not a number', number(0, 1), Number.NaN, '! NaN is not a number from 0 to 1'],
  ['percent: hundredths survive', percent, 0.5, 50],
  ['percent: too much', percent, 100.1, '! 100.1 is not a percentage from 0 to 100'],
  ['one of', oneOf('A', 'B'), 'C', '! "C" is not one of A, B'],
  ['host: lower case, no trailing dot', hostname, 'WWW.Example.com.', 'www.example.com'],
  ['host: wildcard', hostname, '*.example.com', '*.example.com'],
  ['host: wildcard inside', hostname, 'a.*.com', '! "a.*.com" is not a host name'],
  ['header name: lower case', headerName, 'X-User', 'x-user'],
  ['header name: pseudo header', headerName, ':path', '! ":path" is not a header name'],
  ['header value: line break', headerValue, 'a\r\nb: c', '! contains a line break or NUL'],
  ['method: extension', method, 'PURGE', 'PURGE'],
  ['method: space', method, 'GET /', '! "GET /" is not a request method'],
  ['regex: RE2', regex, 'a(b|c)*', 'a(b|c)*'],
  ['regex: too long', regex, 'a'.repeat(5000), '! is longer than 4096 characters'],
  ['cidr: range', cidr, '10.0.0.0/8', '10.0.0.0/8'],
  ['cidr: address', cidr, '192.0.2.7', '192.0.2.7/32'],
  ['cidr: IPv6', cidr, '2001:DB8::/32', '2001:db8::/32'],
  ['cidr: IPv6 address', cidr, '::1', '::1/128'],
  ['cidr: IPv4 in IPv6', cidr, '::ffff:10.0.0.1', '::ffff:10.0.0.1/128'],
  ['cidr: full IPv6', cidr, '1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8/128'],
  ['cidr: nine groups', cidr, '1:2:3:4:5:6:7:8:9', '! "1:2:3:4:5:6:7:8:9" is not an IP range'],
  ['cidr: two runs', cidr, '1::2::3', '! "1::2::3" is not an IP range'],
  ['cidr: prefix too long', cidr, '10.0.0.0/33', '! "10.0.0.0/33" is not an IP range'],
  ['cidr: leading zero', cidr, '010.0.0.1', '! "010.0.0.1" is not an IP range'],
  ['cidr: two slashes', cidr, '10.0.0.0/8/8', '! "10.0.0.0/8/8" is not an IP range'],
])('%s', (_, parse, raw, expected) => {
  expect(outcome(parse, raw)).toEqual(expected);
});

test('a regular expression beyond RE2 is refused', () => {
  expect(outcome(regex, '(?=x)')).toMatch(/^! "\(\?=x\)" is not a regular expression/);
  expect(outcome(regex, '(a)\\1')).toMatch(/is not a regular expression/);
});

test('values are shown short and never as a whole tree', () => {
  expect(show('x'.repeat(500)).length).toBeLessThan(70);
  expect(show({ secret: 'x' })).toBe('an object');
  expect(show([1, 2])).toBe('a list');
});

test.each([
  ['one letter off', 'headres', ['headers', 'header'], 'headers'],
  ['two letters swapped', 'pathRegxe', ['pathRegex', 'method'], 'pathRegex'],
  ['another case', 'Timeout', ['timeout'], 'timeout'],
  ['nothing near', 'colour', ['weight', 'port'], null],
  ['short words need to be nearer', 'abc', ['xyc'], null],
  ['ties go to the first by name', 'cat', ['hat', 'bat'], 'bat'],
])('nearest: %s', (_, word, candidates, expected) => {
  expect(nearest(word, candidates)).toBe(expected);
});
