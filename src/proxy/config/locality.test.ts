import { expect, test } from 'vitest';
import { localityFields, localityName } from './locality.ts';

test.for([
  ['all of it', { region: 'r', zone: 'z', subZone: 's' }, 'r/z/s'],
  ['no sub-zone', { region: 'r', zone: 'z', subZone: '' }, 'r/z'],
  ['a zone alone', { region: '', zone: 'z', subZone: '' }, '/z'],
  ['slashes', { region: 'a/b', zone: '/', subZone: '%2F' }, 'a%2Fb/%2F/%252F'],
  ['nothing', { region: '', zone: '', subZone: '' }, ''],
] as const)('names and reads a locality: %s', ([, fields, name]) => {
  expect(localityName(fields)).toBe(name);
  expect(localityFields(name)).toEqual(fields);
});

test('names one that is not given', () => {
  expect(localityName(undefined)).toBe('');
});
