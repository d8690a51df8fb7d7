// Fingerprints of TLS clients (JA3, JA4) in access logs: of clients that differ in versions, ciphers, names and protocols.
import type { ConnectionOptions } from 'node:tls';
import { beforeAll, expect, test } from 'vitest';
import { get, type Suite } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';
import { fileLog, linesOf } from './harness/log-file.ts';
import { observe } from './harness/observation.ts';

const TYPE = 'type.googleapis.com/envoy.extensions';
const inspector = (fields: string) =>
  `listener_filters: [{name: tls, typed_config: {'@type': ${TYPE}.filters.listener.tls_inspector.v3.TlsInspector, ${fields}}}]`;
const manager = `access_log:${fileLog('prints', '{text_format_source: {inline_string: "%REQ(X-CASE)% %TLS_JA3_FINGERPRINT% %TLS_JA4_FINGERPRINT%\\n"}}')}`;
const chain = `transport_socket: {name: tls, typed_config: {'@type': ${TYPE}.transport_sockets.tls.v3.DownstreamTlsContext, common_tls_context: {tls_certificates: [{certificate_chain: {filename: <folder>/server.pem}, private_key: {filename: <folder>/server-key.pem}}]}}}`;

const suite: Suite = {
  name: 'fingerprints',
  certificates: true,
  listeners: {
    front: { manager, chain, listener: inspector('enable_ja3_fingerprinting: true, enable_ja4_fingerprinting: true') },
    one: { manager, chain, listener: inspector('enable_ja4_fingerprinting: true') },
    none: { manager, chain, listener: inspector('enable_ja3_fingerprinting: false') },
  },
  virtualHosts: "[{name: all, domains: ['*'], routes: [{match: {prefix: /}, route: {cluster: a}}]}]",
  cases: [],
};

type Client = readonly [name: string, options: ConnectionOptions, listener?: string];
const CLIENTS: readonly Client[] = [
  ['as Node is', {}],
  ['with a name', { servername: 'server.test' }],
  ['of HTTP/2', { servername: 'server.test', ALPNProtocols: ['http/1.1', 'h2'] }],
  ['of HTTP/1.1', { ALPNProtocols: ['http/1.1'] }],
  ['of a protocol of one letter', { ALPNProtocols: ['x', 'http/1.1'] }],
  ['of a protocol that is no word', { ALPNProtocols: ['\x01-', 'http/1.1'] }],
  ['TLS 1.2 alone', { maxVersion: 'TLSv1.2' }],
  ['TLS 1.3 alone', { minVersion: 'TLSv1.3' }],
  ['few ciphers', { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' }],
  ['other groups', { ecdhCurve: 'P-256:P-384', sigalgs: 'ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256' }],
  ['JA4 alone', { servername: 'server.test' }, 'one'],
  ['neither', { servername: 'server.test' }, 'none'],
];
const markOf = (name: string): string => `case-${name.replaceAll(' ', '-')};`;

compareWithEnvoy(suite, (pair) => {
  beforeAll(async () => {
    for (const [name, options, listener = 'front'] of CLIENTS) {
      const tls = () => ({ rejectUnauthorized: false, ...options });
      const one = { name, listener, send: get('/'), tls, wants: { status: 200 } };
      await Promise.all([pair().reference, pair().ours].map((stand) => observe(stand, one, markOf(name))));
    }
  });

  test.each(CLIENTS.map(([name, , listener = 'front']) => ({ name, listener })))(
    '$name',
    async ({ name, listener }) => {
      const [theirs, mine] = await linesOf(pair(), 'prints', markOf(name));
      if (listener === 'front')
        expect(theirs![0]).toMatch(/ [0-9a-f]{32} t1[23][di]\d{4}.._[0-9a-f]{12}_[0-9a-f]{12}$/);
      expect(mine).toEqual(theirs);
    },
  );
});
