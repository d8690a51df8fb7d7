import { describe, expect, test } from 'vitest';
import { types } from '../../xds/descriptors/types.ts';
import { supportedFields } from './supported-fields.ts';

describe('supported fields', () => {
  test.each([...supportedFields])('%s', (typeName, fields) => {
    const names = types.getMessage(typeName)?.fields.map(({ name }) => name) ?? [];
    expect([...fields].filter((field) => !names.includes(field))).toEqual([]);
  });
});
