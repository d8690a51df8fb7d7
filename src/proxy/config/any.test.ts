import { create, type JsonObject } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { RouterSchema } from '../../xds/gen/envoy/extensions/filters/http/router/v3/router_pb.ts';
import { TypedStructSchema } from '../../xds/gen/xds/type/v3/typed_struct_pb.ts';
import { typeNameOf, unpack } from './any.ts';

const wrapped = (type: string, value: JsonObject, name = 'xds.type.v3.TypedStruct') => ({
  ...anyPack(TypedStructSchema, create(TypedStructSchema, { typeUrl: `type.googleapis.com/${type}`, value })),
  typeUrl: `type.googleapis.com/${name}`,
});
const router = RouterSchema.typeName;

test.each(['xds.type.v3.TypedStruct', 'udpa.type.v1.TypedStruct'])('a %s counts as the type within', (name) => {
  const any = wrapped(router, { suppress_envoy_headers: true }, name);
  expect(typeNameOf(any)).toBe(router);
  expect(unpack(any, RouterSchema, 'at').suppressEnvoyHeaders).toBe(true);
});

test('a TypedStruct around a type that is none of Envoy’s stays one', () => {
  const any = wrapped('tulle.PeakEwma', { decay: '10s' }, 'udpa.type.v1.TypedStruct');
  expect(typeNameOf(any)).toBe('xds.type.v3.TypedStruct');
  expect(unpack(any, TypedStructSchema, 'at').value).toEqual({ decay: '10s' });
});

test.each<[name: string, any: ReturnType<typeof wrapped>, schema: typeof RouterSchema, reason: string]>([
  [
    'another type',
    wrapped('tulle.PeakEwma', {}),
    RouterSchema,
    'at: type tulle.PeakEwma (in a TypedStruct) is not supported',
  ],
  ['an unknown field', wrapped(router, { nothing: 1 }), RouterSchema, `at: is no ${router}: `],
  ['a wrong value', wrapped(router, { start_child_span: 'yes' }), RouterSchema, `at: is no ${router}: `],
  ['garbage', { ...wrapped(router, {}), value: Uint8Array.of(255) }, RouterSchema, 'at: type xds.type.v3.TypedStruct'],
  ['nothing', undefined as never, RouterSchema, `at: is required (hint: a ${router})`],
])('refuses %s', (_, any, schema, reason) => {
  expect(() => unpack(any, schema, 'at')).toThrow(reason);
});

test('what is refused in a message is refused in a struct', () => {
  const any = wrapped(router, { upstream_log: [{ name: 'x' }] });
  expect(() => unpack(any, RouterSchema, 'at')).toThrow('at.upstream_log: is not supported');
});
