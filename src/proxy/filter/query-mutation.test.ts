import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { KeyValueMutationSchema } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { testExchange } from '../testing/exchange.ts';
import { compileQueryEdits } from './query-mutation.ts';

const append = (key: string, value: string, action = 'APPEND_IF_EXISTS_OR_ADD'): JsonObject => ({
  append: { record: { key, value }, action },
});
const compile = (...mutations: JsonObject[]) =>
  compileQueryEdits(
    mutations.map((mutation) => fromJson(KeyValueMutationSchema, mutation)),
    'q',
  );

function edited(path: string, ...mutations: JsonObject[]): string {
  const exchange = testExchange({ path, headers: ['x-a', '1 2'] });
  compile(...mutations)!(exchange);
  return exchange.request.path;
}

describe('a query', () => {
  test.each<[path: string, mutation: JsonObject, wants: string]>([
    ['/p', append('n', 'v w&=é%REQ(X-A)%'), '/p?n=v%20w%26%3D%C3%A91%202'],
    ['/p?b=2&a=1', append('a', '3'), '/p?a=1&a=3&b=2'],
    ['/p?=x&&y=', append('n', 'v'), '/p?=x&=&n=v&y='],
    ['/p?a', append('a', 'new', 'ADD_IF_ABSENT'), '/p?a='],
    ['/p', append('a', 'new', 'ADD_IF_ABSENT'), '/p?a=new'],
    ['/p?%61=1&b=2&a=3', append('a', 'new', 'OVERWRITE_IF_EXISTS'), '/p?a=new&b=2'],
    ['/p?b=2', append('a', 'new', 'OVERWRITE_IF_EXISTS'), '/p?b=2'],
    ['/p?b=2', append('a', 'new', 'OVERWRITE_IF_EXISTS_OR_ADD'), '/p?a=new&b=2'],
    ['/p?a=%261', append('b', '%REQ(X-NONE)%'), '/p?a=%261&b='],
    ['/p?a=1&b=2&a=3', { remove: 'a' }, '/p?b=2'],
    ['/p?a', { remove: 'a' }, '/p'],
    ['/p?', { remove: 'a' }, '/p'],
    ['/p?%zz=1', { remove: 'a' }, '/p?%zz=1'],
    ['', { remove: 'a' }, ''],
  ])('%s %j', (path, mutation, wants) => {
    expect(edited(path, mutation)).toBe(wants);
  });

  test('edits follow each other', () => {
    expect(edited('/p?a=1', { remove: 'a' }, append('a', '2'), append('a', '3', 'ADD_IF_ABSENT'))).toBe('/p?a=2');
  });

  test('without edits there is nothing to do', () => {
    expect(compile()).toBe(null);
  });

  test.each<[mutation: JsonObject, reason: string]>([
    [{}, 'q[0]: has neither append nor remove'],
    [{ ...append('a', 'b'), remove: 'c' }, 'q[0]: has both append and remove'],
    [{ append: {} }, 'q[0].append.record: is required'],
    [append('', 'b'), 'q[0].append.record.key: is empty'],
    [{ append: { record: { key: 'a', value: 1 } } }, 'q[0].append.record.value: must be a string'],
    [append('a', '%NOPE%'), 'q[0].append.record.value: %NOPE% is not supported'],
  ])('refused: %j', (mutation, reason) => {
    expect(() => compile(mutation)).toThrow(reason);
  });
});
