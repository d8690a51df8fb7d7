import { expect, test } from 'vitest';
import { type Choice, chooseEncoding } from './accept-encoding.ts';

test.each<[accepted: string, offered: string[], encoding: string | null, by: Choice['by']]>([
  ['gzip', ['gzip'], 'gzip', 'chosen'],
  ['br', ['gzip'], null, 'invalid'],
  ['', ['gzip'], null, 'invalid'],
  ['gzip;q=0', ['gzip'], null, 'invalid'],
  ['*', ['gzip', 'br'], 'gzip', 'any'],
  ['*;q=0, br', ['gzip', 'br'], 'br', 'chosen'],
  ['gzip;q=0.5, br;q=0.8', ['gzip', 'br'], 'br', 'chosen'],
  ['br, gzip', ['gzip', 'br'], 'br', 'chosen'],
  ['GZIP ; q=0.5', ['gzip'], 'gzip', 'chosen'],
  ['identity, gzip;q=0.5', ['gzip'], null, 'identity'],
  ['gzip', [], null, 'invalid'],
])('%s of %j: %s, %s', (accepted, offered, encoding, by) => {
  expect(chooseEncoding(accepted, offered)).toEqual({ encoding, by });
});

test('among equals the preferred one', () => {
  expect(chooseEncoding('br, gzip', ['gzip', 'br'], 'gzip').encoding).toBe('gzip');
  expect(chooseEncoding('br, gzip;q=0.9', ['gzip', 'br'], 'gzip').encoding).toBe('br');
});
