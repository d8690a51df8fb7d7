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
    expect(secret({ validation_context: { trusted_ca: inline('R') } })).toMatchObject({ kind: 'trust', roots: 'R' });
  });

  test('of filters, as bytes', () => {
    const bytes = { inline_bytes: Buffer.from([0, 255]).toString('base64') };
    expect(secret({ generic_secret: { secret: inline('é') } })).toEqual({ kind: 'generic', value: 'Ã©' });
    expect(secret({ generic_secret: { secret: bytes } })).toEqual({ kind: 'generic', value: '\0ÿ' });
  });

  test('what is asked of a peer comes along', () => {
    const hash = 'ab'.repeat(32);
    const context = { verify_certificate_hash: [hash], max_verify_depth: 2 };
    expect(secret({ validation_context: context })).toMatchObject({
      roots: '',
      checks: { hashes: new Set([hash]), maxDepth: 2 },
    });
    expect(
      secret({ validation_context: { trusted_ca: inline('R'), match_subject_alt_names: [{ exact: 'x' }] } }),
    ).toMatchObject({ roots: 'R', checks: { sans: [{ type: 'any' }] } });
  });

  test.each<[JsonObject, string]>([
    [{}, 'has no supported secret'],
    [{ session_ticket_keys: {} }, 'session_ticket_keys: is not supported'],
    [{ generic_secret: {} }, 'generic_secret.secret: is empty'],
    [{ generic_secret: { secrets: { a: inline('A') } } }, 'generic_secret.secrets: is not supported'],
    [{ validation_context: {} }, 'validation_context.trusted_ca: is empty'],
    [{ validation_context: { match_subject_alt_names: [{ exact: 'x' }] } }, 'validation_context.trusted_ca: is empty'],
    [
      { validation_context: { trusted_ca: inline('R'), max_verify_depth: 101 } },
      'validation_context.max_verify_depth: must be at most 100',
    ],
    [
      { validation_context: { trusted_ca: inline('R'), allow_expired_certificate: true } },
      'validation_context.allow_expired_certificate: is not supported',
    ],
  ])('refuses %j', (json, wants) => {
    expect(() => secret(json)).toThrow(wants);
  });
});
