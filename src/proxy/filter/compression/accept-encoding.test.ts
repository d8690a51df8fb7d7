import { expect, test } from 'vitest';
import { chooseEncoding } from './accept-encoding.ts';

test.each<[accepted: string, offered: string[], wants: string | null]>([
  ['gzip', ['gzip'], 'gzip'],
  ['br', ['gzip'], null],
  ['', ['gzip'], null],
  ['gzip;q=0', ['gzip'], null],
  ['*', ['gzip', 'br'], 'gzip'],
  ['*;q=0, br', ['gzip', 'br'], 'br'],
  ['gzip;q=0.5, br;q=0.8', ['gzip', 'br'], 'br'],
  ['GZIP ; q=0.5', ['gzip'], 'gzip'],
  ['identity, gzip;q=0.5', ['gzip'], null],
])('%s of %j: %s', (accepted, offered, wants) => {
  expect(chooseEncoding(accepted, offered)).toBe(wants);
});
