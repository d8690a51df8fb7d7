// Which certificate a client is shown, and what is asked of its own.

import { createHash, X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { selfSign, signRequest } from '../../identity/certificate.ts';
import { createRequest, exportPrivateKey, generateKeys } from '../../identity/workload-keys.ts';
import { bootstrapSource } from '../config/config-source.ts';
import type { PeerChecks, SecretValue, ValidationConfig } from '../config/tls-types.ts';
import { downstreamTls, validation } from '../testing/configs.ts';
import { CertificateChoice } from './certificate-choice.ts';
import { ContextSource, type CurrentContext } from './context.ts';
import { SecretStore } from './secrets.ts';
import { type CurrentValidation, currentValidation } from './validation.ts';
import { refusePeer } from './verify.ts';

const validity = () => ({ notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) });
type Issued = Extract<SecretValue, { kind: 'certificate' }>;

async function authority(domain: string) {
  const keys = await generateKeys();
  const certificate = await selfSign(keys, domain, validity());
  const issuer = { certificate, key: keys.privateKey };
  const issue = async (type: 'dns' | 'url', value: string): Promise<Issued> => {
    const own = await generateKeys();
    const chain = await signRequest(
      await createRequest(own),
      { commonName: '', names: [{ type, value }] },
      validity(),
      issuer,
    );
    return { kind: 'certificate', chain, key: await exportPrivateKey(own) };
  };
  return { certificate, issue };
}

let a: Awaited<ReturnType<typeof authority>>;
let b: typeof a;
let client: X509Certificate;
beforeAll(async () => {
  [a, b] = await Promise.all([authority('a.domain'), authority('b.domain')]);
  client = new X509Certificate((await a.issue('url', 'spiffe://a.domain/x')).chain);
});

describe('certificates by name', () => {
  let choice: CertificateChoice;
  let current: CurrentContext;
  beforeAll(async () => {
    const secrets = await Promise.all(['first.test', 'web.test', '*.wild.test'].map((name) => a.issue('dns', name)));
    const certificates = secrets.map((secret) => ({ kind: 'inline', secret }) as const);
    const config = { ...downstreamTls(certificates[0]!), certificates };
    current = new ContextSource(config, new SecretStore()).get() as CurrentContext;
    choice = new CertificateChoice(current, '', false);
  });

  test.each([
    ['web.test', 'web.test'],
    ['WEB.test', 'web.test'],
    ['x.wild.test', '*.wild.test'],
    ['y.x.wild.test', 'first.test'],
    ['wild.test', 'first.test'],
    ['', 'first.test'],
  ])('%j gets %s', (name, shown) => {
    expect(choice.certificatesFor(name).map(({ leaf }) => leaf.subjectAltName)).toEqual([`DNS:${shown}`]);
  });

  test('a name of nobody gets one of each kind of key only where that is configured', () => {
    const [first, web] = current.certificates;
    const key = { ...first!.leaf.publicKey, asymmetricKeyType: 'rsa' };
    const rsa = { ...web!, leaf: Object.create(web!.leaf, { publicKey: { value: key } }) as X509Certificate };
    const both = { ...current, certificates: [first!, rsa] };
    const choices = [false, true].map((suits) => new CertificateChoice(both, '', suits));
    expect(choices.map((one) => one.certificatesFor('nobody.test').length)).toEqual([1, 2]);
    expect(choices.map((one) => one.certificatesFor('').length)).toEqual([2, 2]);
  });

  test('a context is made once', () => {
    expect(choice.contextFor('web.test')).toBe(choice.contextFor('web.test'));
    expect(typeof choice.contextFor('x.wild.test')).toBe('object');
  });
});

describe('what is asked of a peer', () => {
  const trust = { kind: 'sds', name: 'ROOTCA', source: bootstrapSource } as const;
  const asked = (change: Partial<ValidationConfig>): CurrentValidation => {
    const config = validation(trust, change);
    const current = currentValidation(config, config.trust === null ? null : { kind: 'trust', roots: a.certificate });
    return typeof current === 'string' ? expect.unreachable(current) : current;
  };
  const key = () =>
    createHash('sha256')
      .update(client.publicKey.export({ type: 'spki', format: 'der' }))
      .digest('base64');
  const hash = () => client.fingerprint256.replaceAll(':', '').toLowerCase();
  const san = (value: string) => [{ type: 'uri', matches: (name: string) => name === value }] as const;
  const id = 'spiffe://a.domain/x';
  test.each<[string, boolean, () => Partial<ValidationConfig>, string | null]>([
    ['a chain', true, () => ({}), null],
    ['no chain', false, () => ({}), 'fail_verify_error'],
    ['no chain, where that is accepted', false, () => ({ acceptUntrusted: true }), null],
    ['its name', true, () => ({ sans: san(id) }), null],
    ['another name', true, () => ({ sans: san('spiffe://a.domain/y') }), 'fail_verify_san'],
    ['its hash', false, () => ({ trust: null, hashes: new Set([hash()]) }), null],
    ['its key', false, () => ({ trust: null, keyHashes: new Set([key()]) }), null],
    ['another key', true, () => ({ keyHashes: new Set(['x']) }), 'fail_verify_cert_hash'],
    ['a short chain', true, () => ({ maxDepth: 0 }), null],
    ['its own domain', true, () => ({ trustDomains: new Map([['a.domain', a.certificate]]) }), null],
    [
      'the bundle of another domain',
      true,
      () => ({
        trustDomains: new Map([
          ['a.domain', b.certificate],
          ['b.domain', a.certificate],
        ]),
      }),
      'fail_verify_error',
    ],
    ['an unknown domain', true, () => ({ trustDomains: new Map([['c', a.certificate]]) }), 'fail_verify_error'],
  ])('%s', (_name, trusted, change, wants) => {
    expect(refusePeer({ certificate: client, issuers: [] }, trusted, asked(change()))).toBe(wants);
  });
});

describe('checks that come with the secret', () => {
  const checks = (change: Partial<PeerChecks>): PeerChecks => {
    const { trust: _trust, ...all } = validation({ kind: 'sds', name: 'ROOTCA', source: bootstrapSource }, change);
    return all;
  };
  const any = { type: 'any', matches: () => true } as const;

  test('add up with those of the place of use; single values are the secret’s', () => {
    const own = { ...checks({ sans: [any], hashes: new Set(['x']), maxDepth: 3 }), trust: null };
    const merged = currentValidation(own, {
      kind: 'trust',
      roots: 'R',
      checks: checks({ sans: [any], hashes: new Set(['y']), maxDepth: 1, acceptUntrusted: true }),
    });
    expect(merged).toMatchObject({ hashes: new Set(['x', 'y']), maxDepth: 1, acceptUntrusted: true, roots: 'R' });
    expect(typeof merged === 'object' && merged.sans.length).toBe(2);
  });

  test('names without a trust bundle let nobody in', () => {
    const own = { ...checks({ sans: [any] }), trust: null };
    expect(currentValidation(own, { kind: 'trust', roots: '', checks: checks({}) })).toContain('no trust bundle');
  });

  test('trust domains bring their own roots', () => {
    const trustDomains = new Map([['a.domain', a.certificate]]);
    const own = { ...checks({ trustDomains }), trust: null };
    expect(currentValidation(own, { kind: 'trust', roots: 'R' })).toMatchObject({ roots: a.certificate });
  });
});
