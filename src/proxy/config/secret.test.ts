import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { SecretSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { inline } from '../testing/resources.ts';
import { decoders } from './decoders.ts';

describe('secret', () => {
  const secret = (json: JsonObject) => decoders.decodeSecret(fromJson(SecretSchema, { name: 's', ...json }));

  test('both kinds', () => {
    const certificate = {
      certificate_chain: { inline_bytes: Buffer.from('C').toString('base64') },
      private_key: inline('K'),
    };
    expect(secret({ tls_certificate: certificate })).toEqual({ kind: 'certificate', chain: 'C', key: 'K' });
    expect(secret({ validation_context: { trusted_ca: inline('R') } })).toEqual({ kind: 'trust', roots: 'R' });
  });

  test.each<[JsonObject, string]>([
    [{}, 'has no supported secret'],
    [{ generic_secret: {} }, 'generic_secret: is not supported'],
    [{ validation_context: {} }, 'validation_context.trusted_ca: is empty'],
    [
      { validation_context: { trusted_ca: inline('R'), match_subject_alt_names: [{ exact: 'x' }] } },
      'validation_context.match_subject_alt_names: is not supported in a secret',
    ],
  ])('refuses %j', (json, wants) => {
    expect(() => secret(json)).toThrow(wants);
  });
});
