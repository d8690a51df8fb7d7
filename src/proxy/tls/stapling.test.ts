// OCSP responses in handshakes: what a client that asks gets by each policy, and what of the resource is refused.
import { X509Certificate } from 'node:crypto';
import { type AddressInfo, createServer } from 'node:net';
import { connect } from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import { makeAuthority } from '../../../test/support/certificates.ts';
import { makeStaple, type StapleInit } from '../../../test/support/staple.ts';
import { mustBeStapled, readStaple, readStapleOf } from '../config/staple.ts';
import type { DownstreamTlsConfig } from '../config/tls-types.ts';
import { TlsCounts } from '../http/tls-counts.ts';
import { downstreamTls } from '../testing/configs.ts';
import { SecretStore } from './secrets.ts';
import { ServerTls } from './server-tls.ts';

let issued: { certificate: string; key: string };
beforeAll(async () => {
  issued = await (await makeAuthority('mesh')).issue({ dns: ['server.test'] });
});

describe('what a staple says', () => {
  const at = Date.UTC(2030, 0, 2, 3, 4, 5);
  test.each<[name: string, init: StapleInit, wants: object | string]>([
    ['until when', { nextUpdate: at, serial: '0a' }, { serial: 10n, expires: at }],
    ['no time', { nextUpdate: null, serial: 'ff' }, { serial: 255n, expires: Number.NEGATIVE_INFINITY }],
    ['a failure', { status: 6 }, 'is an OCSP response of a failure'],
  ])('%s', (_name, init, wants) => {
    expect(readStaple(makeStaple(issued.certificate, init))).toEqual(wants);
  });

  test('another certificate, and nothing', () => {
    const other = makeStaple(issued.certificate, { serial: '01' });
    expect(readStapleOf(issued.certificate, other)).toBe('is about another certificate');
    expect(readStapleOf('nonsense', other)).toBe('belongs to a certificate that cannot be read');
    expect(readStapleOf(issued.certificate, makeStaple(issued.certificate))).toMatchObject({
      serial: BigInt(`0x${new X509Certificate(issued.certificate).serialNumber}`),
    });
    for (const bytes of ['', '30', '3000', '30030a0100']) {
      expect(typeof readStaple(Buffer.from(bytes, 'hex')), bytes).toBe('string');
    }
  });

  test('which certificates come with one only', () => {
    expect(mustBeStapled(new X509Certificate(issued.certificate).raw)).toBe(false);
    expect(mustBeStapled(new X509Certificate(MUST_STAPLE).raw)).toBe(true);
  });
});

/** What a client gets that asks for a staple, or does not; null: no handshake. */
async function shake(stapling: DownstreamTlsConfig['stapling'], staple: Buffer | null, asks = true, now = Date.now()) {
  const secret = { kind: 'certificate', chain: issued.certificate, key: issued.key } as const;
  const config = downstreamTls(
    { kind: 'inline', secret: staple === null ? secret : { ...secret, ocsp: staple } },
    { stapling },
  );
  const counts = new TlsCounts();
  const tls = new ServerTls(config, new SecretStore(), null, counts, () => now);
  const failed: string[] = [];
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    tls.accept(socket, {
      onSecure: (secure) => secure.end('hello'),
      onFailed: (failure) => void failed.push(failure ?? 'gone'),
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, requestOCSP: asks });
  let got: Buffer | null = null;
  let said = '';
  client.on('OCSPResponse', (bytes: Buffer | null) => {
    got = bytes;
  });
  client.on('data', (bytes) => {
    said += String(bytes);
  });
  client.on('error', () => client.destroy());
  await new Promise((resolve) => client.once('close', resolve));
  server.close();
  return said === 'hello' ? { stapled: got !== null, failed } : { refused: failed };
}

describe('by policy', () => {
  const now = Date.now();
  const REFUSED = { refused: ['connection_error'] };
  const stapled = (is: boolean) => ({ stapled: is, failed: [] });
  const fresh = () => makeStaple(issued.certificate, { nextUpdate: now + 60_000 });
  const old = () => makeStaple(issued.certificate, { nextUpdate: now - 60_000 });
  const none = () => null;
  test.each([
    ['lenient', 'fresh', fresh, stapled(true)],
    ['lenient', 'expired', old, stapled(false)],
    ['lenient', 'none', none, stapled(false)],
    ['strict', 'fresh', fresh, stapled(true)],
    ['strict', 'expired', old, REFUSED],
    ['strict', 'none', none, stapled(false)],
    ['must', 'fresh', fresh, stapled(true)],
    ['must', 'expired', old, REFUSED],
    ['must', 'none', none, REFUSED],
  ] as const)('%s: %s', async (policy, _which, staple, wants) => {
    expect(await shake(policy, staple(), true, now)).toEqual(wants);
  });

  test('a client that does not ask gets in without', async () => {
    expect(await shake('must', old(), false, now)).toEqual(stapled(false));
  });
});

/** Of a key that is gone: `openssl req -x509 -addext tlsfeature=status_request`. */
const MUST_STAPLE = `-----BEGIN CERTIFICATE-----
MIIBkjCCATigAwIBAgIUJUmu3nORC09aO1QUtVsqEFhMSqAwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbXVzdC50ZXN0MCAXDTI2MTEyNTIzMDY0MloYDzIxMjYxMTAx
MjMwNjQyWjAUMRIwEAYDVQQDDAltdXN0LnRlc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATW8N8H2iSpGyTK4rcmO+MiQ7V7u6aPgegedUIc+TTy98G8jxIoBWdG
eEU1CLLgyl7Ke2YWIFHBKgRCLm+2S3Ano2YwZDAdBgNVHQ4EFgQUVzqzf7Swep87
wqCsXfhuzWHENlIwHwYDVR0jBBgwFoAUVzqzf7Swep87wqCsXfhuzWHENlIwDwYD
VR0TAQH/BAUwAwEB/zARBggrBgEFBQcBGAQFMAMCAQUwCgYIKoZIzj0EAwIDSAAw
RQIhAMf7wwQp9SPKbc4YYln778FRbf7qcgvNsPg8OpOrL4iLAiAWCNizD3af1OR6
DffIBGzXEWEkSDgrqN6X+6vcbeSJqA==
-----END CERTIFICATE-----
`;
