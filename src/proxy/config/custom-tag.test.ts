import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { CustomTagSchema } from '../../xds/gen/envoy/type/tracing/v3/custom_tag_pb.ts';
import { testExchange } from '../testing/exchange.ts';
import { decodeCustomTag } from './custom-tag.ts';

const decode = (fields: JsonObject) => decodeCustomTag(fromJson(CustomTagSchema, { tag: 't', ...fields }), 'tags[0]');

test.each<[fields: JsonObject, wants: string | undefined]>([
  [{ value: '%REQ(X-A)% and %REQ(X-B)%' }, '1 and '],
  [{ value: '%CEL(request.method)%' }, 'GET'],
  [{ value: '%REQ(X-B)%' }, undefined],
  [{ literal: { value: 'v' } }, 'v'],
  [{ request_header: { name: 'X-B', default_value: 'none' } }, 'none'],
])('%j', (fields, wants) => {
  expect(decode(fields).read(testExchange({ headers: ['x-a', '1'] }))).toBe(wants);
});

test.each<[fields: JsonObject, reason: string]>([
  [{}, 'tags[0]: has no type'],
  [{ value: '%NOPE%' }, 'tags[0].value: %NOPE% is not supported'],
  [{ tag: '', value: 'a' }, 'tags[0].tag: is empty'],
])('%j is refused', (fields, reason) => {
  expect(() => decode(fields)).toThrow(reason);
});
