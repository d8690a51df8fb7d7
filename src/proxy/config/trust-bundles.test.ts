import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { selfSign } from '../../identity/certificate.ts';
import { generateKeys } from '../../identity/workload-keys.ts';
import { DataSourceSchema } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { readTrustBundles } from './trust-bundles.ts';

const read = (document: unknown) =>
  readTrustBundles(fromJson(DataSourceSchema, { inline_string: JSON.stringify(document) } as JsonObject), 'b');

test('roots by domain; keys for tokens are left out', async () => {
  const now = Date.now();
  const validity = { notBefore: new Date(now), notAfter: new Date(now + 1_000) };
  const pem = await selfSign(await generateKeys(), 'a.domain', validity);
  const x5c = [pem.replace(/-----[^-]+-----|\s/g, '')];
  const keys = [
    { use: 'jwt-svid', kid: 'x' },
    { use: 'x509-svid', x5c },
  ];
  const roots = read({ trust_domains: { 'a.domain': { keys } } });
  expect([...roots.keys()]).toEqual(['a.domain']);
  expect(roots.get('a.domain')!.replace(/\s/g, '')).toBe(pem.replace(/\s/g, ''));
});

test.each<[string, unknown, string]>([
  ['no domain', { trust_domains: {} }, 'b.trust_domains: is empty'],
  ['no document', 5, 'b: is no object'],
  ['no keys', { trust_domains: { a: {} } }, 'b.trust_domains[a].keys: is no list'],
  ['none for X.509', { trust_domains: { a: { keys: [] } } }, 'b.trust_domains[a].keys: has no key for x509-svid'],
  [
    'two certificates',
    { trust_domains: { a: { keys: [{ use: 'x509-svid', x5c: ['a', 'b'] }] } } },
    'b.trust_domains[a].keys[0].x5c: must be one certificate',
  ],
  [
    'nonsense',
    { trust_domains: { a: { keys: [{ use: 'x509-svid', x5c: ['AAAA'] }] } } },
    'b.trust_domains[a].keys[0].x5c: is no certificate',
  ],
])('refuses %s', (_name, document, wants) => {
  expect(() => read(document)).toThrow(wants);
});
