import './reflect-metadata.ts';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pkcs10CertificateRequestGenerator, SubjectAlternativeNameExtension } from '@peculiar/x509';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ManualClock } from '../lib/manual-clock.ts';
import type { SpiffeId } from '../model/units.ts';
import { uriSansOf } from '../xds/peer.ts';
import { CertificateAuthority } from './ca.ts';
import { BadRequest } from './certificate.ts';
import { trustDomainOf } from './spiffe.ts';
import { createRequest, generateKeys } from './workload-keys.ts';

const clock = new ManualClock();
const identity = 'spiffe://cluster.local/ns/shop/sa/web' as SpiffeId;
const options = { trustDomain: 'cluster.local', clock };
let folder: string;
let authority: CertificateAuthority;

beforeAll(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'tulle-ca-')), 'state');
  authority = await CertificateAuthority.open(folder, options);
});
afterAll(() => rm(join(folder, '..'), { recursive: true }));

it('keeps its root over a restart, the key readable by its user only', async () => {
  const again = await CertificateAuthority.open(folder, options);
  expect(again.root).toBe(authority.root);
  expect((await stat(join(folder, 'root-key.pem'))).mode & 0o777).toBe(0o600);
  expect(new X509Certificate(authority.root).ca).toBe(true);
  expect(trustDomainOf(authority.root)).toBe('cluster.local');
});

it('issues one SPIFFE id, for 24 hours, signed by the root', async () => {
  const request = await createRequest(await generateKeys());
  const [leafPem = '', rootPem] = await authority.issue(request, identity, 'web-1.shop');
  const leaf = new X509Certificate(leafPem);
  expect(rootPem).toBe(authority.root);
  expect(leaf.verify(new X509Certificate(authority.root).publicKey)).toBe(true);
  expect(uriSansOf(leaf)).toEqual([identity]);
  expect(leaf.subject).toBe('CN=web-1.shop');
  expect(leaf.ca).toBe(false);
  expect(leaf.validToDate.getTime()).toBe(Math.floor((clock.epoch() + 24 * 3600_000) / 1000) * 1000);
});

it('believes nothing of the request but its key', async () => {
  const keys = await generateKeys();
  const stolen = new SubjectAlternativeNameExtension([{ type: 'url', value: 'spiffe://cluster.local/ns/x/sa/admin' }]);
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: 'CN=admin',
    keys,
    extensions: [stolen],
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
  });
  const [leaf = ''] = await authority.issue(request.toString('pem'), identity, 'web-1.shop');
  expect(uriSansOf(new X509Certificate(leaf))).toEqual([identity]);
  expect(new X509Certificate(leaf).subject).not.toContain('admin');
});

it('gives a shorter life on request and never a longer one', async () => {
  const request = await createRequest(await generateKeys());
  const lifeOf = async (asked: number) => {
    const [leaf = ''] = await authority.issue(request, identity, 'web', asked);
    return new X509Certificate(leaf).validToDate.getTime() - clock.epoch();
  };
  expect(await lifeOf(5000)).toBeLessThanOrEqual(5000);
  expect(await lifeOf(1e12)).toBeLessThanOrEqual(24 * 3600_000);
});

it('refuses a request that its key did not sign', async () => {
  const request = await createRequest(await generateKeys());
  const der = Buffer.from(request.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  der[der.length - 1] = (der[der.length - 1] ?? 0) ^ 1;
  const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----`;
  await expect(authority.issue(forged, identity, 'web')).rejects.toThrow(BadRequest);
});

it.each([
  ['no PEM', 'hello'],
  ['something too long', 'x'.repeat(20_000)],
])('refuses %s', async (_, request) => {
  await expect(authority.issue(request, identity, 'web')).rejects.toThrow(BadRequest);
});

it('names what is wrong with a stored root', async () => {
  await expect(CertificateAuthority.open(folder, { ...options, trustDomain: 'other' })).rejects.toThrow(
    'it is the root of O=cluster.local, not of trust domain other',
  );
  const half = await mkdtemp(join(tmpdir(), 'tulle-ca-'));
  await CertificateAuthority.open(half, options);
  await writeFile(join(half, 'root-cert.pem'), authority.root);
  await expect(CertificateAuthority.open(half, options)).rejects.toThrow('its key belongs to another certificate');
  await unlink(join(half, 'root-cert.pem'));
  await expect(CertificateAuthority.open(half, options)).rejects.toThrow('holds only one of');
  await rm(half, { recursive: true });
});

it('issues the control plane a certificate for its host names and addresses', async () => {
  const { chain, key } = await authority.issueServer(['localhost', '127.0.0.1']);
  expect(new X509Certificate(chain).subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1');
  expect(key).toContain('PRIVATE KEY');
});
