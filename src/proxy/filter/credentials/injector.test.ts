// What is put into requests, and what is refused.
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from 'vitest';
import { CredentialInjectorSchema } from '../../../xds/gen/envoy/extensions/filters/http/credential_injector/v3/credential_injector_pb.ts';
import { GenericSchema } from '../../../xds/gen/envoy/extensions/http/injected_credentials/generic/v3/generic_pb.ts';
import { testExchange } from '../../testing/exchange.ts';
import { packed, registry } from '../../testing/resources.ts';
import { testScope } from '../../testing/scope.ts';
import { credentialInjector } from './injector.ts';

const generic = (fields: JsonObject = {}): JsonObject => ({
  credential: { name: 'c', typed_config: packed(GenericSchema, { credential: { name: 'token' }, ...fields }) },
});
const compile = (config: JsonObject) =>
  credentialInjector.chain.compile(
    anyPack(CredentialInjectorSchema, fromJson(CredentialInjectorSchema, config, { registry })),
    'inject',
    'f',
  )!;

function inject(secret: string, config: JsonObject, headers: string[] = []) {
  const exchange = testExchange({ headers });
  const scope = testScope({ secret: (ref) => (ref.kind === 'sds' && ref.name === 'token' ? secret : '') });
  const reply = compile(config).request!(exchange, scope);
  return reply instanceof Object && 'status' in reply
    ? reply.status
    : [...exchange.request.headers].filter(([name]) => name === 'authorization' || name === 'x-key');
}

describe('injects', () => {
  const cases: [string, string, JsonObject, string[], unknown][] = [
    ['the secret', 's', generic(), [], [['authorization', 's']]],
    ['it in another header', 's', generic({ header: 'X-Key' }), [], [['x-key', 's']]],
    ['it behind a prefix', 's', generic({ header_value_prefix: 'Bearer ' }), [], [['authorization', 'Bearer s']]],
    ['not in place of what is there', 's', generic(), ['authorization', 'own'], [['authorization', 'own']]],
    ['in place of it', 's', { ...generic(), overwrite: true }, ['authorization', 'own'], [['authorization', 's']]],
    ['it without the end of its line', 's\r\n\n', generic(), [], [['authorization', 's']]],
    ['nothing that would be two headers', 's\r\nx-key: t', generic(), [], 401],
    ['nothing where there is none', '', generic({ header_value_prefix: 'Bearer ' }), [], 401],
    ['nothing, as is allowed', '', { ...generic(), allow_request_without_credential: true }, [], []],
  ];
  test.each(cases)('%s', (_name, secret, config, headers, wants) =>
    expect(inject(secret, config, headers)).toEqual(wants),
  );
});

test('the listener asks for its secret', () => {
  expect(compile(generic()).secrets).toMatchObject([{ kind: 'sds', name: 'token' }]);
});

describe('refused', () => {
  const cases: [string, JsonObject, string][] = [
    ['no credential', {}, 'f.credential.typed_config: is required'],
    ['no secret', { credential: { typed_config: packed(GenericSchema, {}) } }, 'typed_config.credential: is required'],
    ['a secret without name', generic({ credential: {} }), 'typed_config.credential.name: is empty'],
    ['another kind', { credential: { typed_config: packed(CredentialInjectorSchema, {}) } }, 'is not supported'],
    ['a header that is none', generic({ header: 'a b' }), 'typed_config.header: is not a header name'],
    ['a pseudo header', generic({ header: ':path' }), 'typed_config.header: is not a header name'],
  ];
  test.each(cases)('%s', (_name, config, message) => expect(() => compile(config)).toThrow(message));
});
