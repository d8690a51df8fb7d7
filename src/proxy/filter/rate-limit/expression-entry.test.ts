import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { types } from '../../../xds/descriptors/types.ts';
import { TypedExtensionConfigSchema } from '../../../xds/gen/envoy/config/core/v3/extension_pb.ts';
import { testExchange } from '../../testing/exchange.ts';
import { expressionTree } from '../../testing/expression-tree.ts';
import { testScope } from '../../testing/scope.ts';
import { compileExpression } from './expression-entry.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.rate_limit_descriptors.expr.v3.Descriptor';

function entry(fields: JsonObject) {
  const json = { name: 'e', typed_config: { '@type': TYPE, descriptor_key: 'plan', ...fields } };
  const action = compileExpression(fromJson(TypedExtensionConfigSchema, json, { registry: types }), 'a');
  return action(testExchange({ headers: ['x-plan', 'gold'] }), testScope());
}

describe('an entry of an expression', () => {
  test.each<[name: string, fields: JsonObject, wants: unknown]>([
    ['a text', { text: "request.headers['x-plan']" }, { key: 'plan', value: 'gold' }],
    ['a tree', { parsed: expressionTree('1 + 2') }, { key: 'plan', value: '3' }],
    ['nothing in it', { text: "''" }, { key: 'plan', value: '' }],
    ['an error', { text: "request.headers['none']" }, null],
    ['an error that is skipped', { text: "request.headers['none']", skip_if_error: true }, 'skip'],
  ])('%s', (_name, fields, wants) => {
    expect(entry(fields)).toEqual(wants);
  });

  test.each<[fields: JsonObject, reason: string]>([
    [{ text: '1', descriptor_key: '' }, 'a.typed_config.descriptor_key: is empty'],
    [{}, 'a.typed_config: has no expression'],
    [{ text: '(' }, 'a.typed_config.text: is no expression'],
    [{ parsed: {} }, 'a.typed_config.parsed: is no expression'],
  ])('refused: %j', (fields, reason) => {
    expect(() => entry(fields)).toThrow(reason);
  });
});
