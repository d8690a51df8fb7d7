import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { SecretSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { decoders } from '../config/decoders.ts';
import { DecodedBytes } from './decoded-bytes.ts';

const roots = { trusted_ca: { inline_string: 'R' } };

test.each<[string, JsonObject, boolean]>([
  ['checks of peers are compiled by each worker', { ...roots, match_subject_alt_names: [{ exact: 'x' }] }, true],
  ['a plain trust bundle crosses as it is', roots, false],
])('%s', (_name, validation_context, compiled) => {
  const bytes = new DecodedBytes(decoders);
  const value = bytes.decoders.decodeSecret(fromJson(SecretSchema, { name: 's', validation_context }));
  expect(bytes.find(value) !== undefined).toBe(compiled);
  if (!compiled) expect(structuredClone(value)).toEqual(value);
});
