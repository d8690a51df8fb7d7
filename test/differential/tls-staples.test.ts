// OCSP responses stapled to handshakes, by policy: what clients get that ask for one, and which handshakes are refused.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { makeStaple } from '../support/staple.ts';
import { NETWORK } from './harness/chains.ts';
import { type ConnectionCase, type ConnectionStand, compareConnections } from './harness/connections.ts';

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext';

/** A listener that ends TLS before an echo. */
const secured = (policy: string, staple: string | null) =>
  `filter_chains: [{ filters: [{ name: tcp, typed_config: { "@type": ${NETWORK}.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: a } }], transport_socket: { name: tls, typed_config: { "@type": ${TLS}, ocsp_staple_policy: ${policy}, common_tls_context: { tls_certificates: [{ certificate_chain: { filename: <folder>/server.pem }, private_key: { filename: <folder>/server-key.pem }${staple === null ? '' : `, ocsp_staple: { filename: <folder>/${staple}.der }`} }] } } } }]`;

/** What came with the handshake of a client that asks, or does not. */
async function shake(stand: ConnectionStand, listener: string, asks: boolean) {
  const port = stand.port(listener);
  const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, requestOCSP: asks });
  let stapled = false;
  let secured = false;
  client.on('OCSPResponse', (bytes: Buffer | null) => {
    stapled = bytes !== null;
  });
  client.on('secureConnect', () => {
    client.write('x');
  });
  client.on('data', (bytes) => {
    secured = String(bytes) === 'a:x';
    client.destroy();
  });
  client.on('error', () => client.destroy());
  await new Promise((resolve) => client.once('close', resolve));
  return { secured, stapled };
}

const row = (name: string, listener: string, secured: boolean, stapled: boolean, asks = true): ConnectionCase => ({
  name,
  run: (stand) => shake(stand, listener, asks),
  wants: { secured, stapled },
});

/** After the handshakes above. */
const counted = (listener: string, wants: Readonly<Record<string, number>>): ConnectionCase => ({
  name: `counted: ${listener}`,
  async run(stand) {
    const read = async ([name, wanted]: readonly [string, number]) =>
      [name, await stand.stat(`listener.${listener}.ssl.ocsp_staple_${name}`, wanted)] as const;
    return Object.fromEntries(await Promise.all(Object.entries(wants).map(read)));
  },
  wants,
});

compareConnections({
  name: 'staples',
  certificates: true,
  prepare(folder, files) {
    const certificate = files['server'] ?? '';
    const hour = 3_600_000;
    writeFileSync(join(folder, 'fresh.der'), makeStaple(certificate, { nextUpdate: Date.now() + hour }));
    writeFileSync(join(folder, 'old.der'), makeStaple(certificate, { nextUpdate: Date.now() - hour / 2 }));
    writeFileSync(join(folder, 'timeless.der'), makeStaple(certificate, { nextUpdate: null }));
  },
  listeners: {
    fresh: secured('LENIENT_STAPLING', 'fresh'),
    old: secured('LENIENT_STAPLING', 'old'),
    timeless: secured('LENIENT_STAPLING', 'timeless'),
    'strict-fresh': secured('STRICT_STAPLING', 'fresh'),
    'strict-old': secured('STRICT_STAPLING', 'old'),
    'strict-none': secured('STRICT_STAPLING', null),
    'must-fresh': secured('MUST_STAPLE', 'fresh'),
    'must-old': secured('MUST_STAPLE', 'old'),
  },
  cases: [
    row('lenient: a fresh one', 'fresh', true, true),
    row('lenient: nobody asked', 'fresh', true, false, false),
    row('lenient: an old one is left out', 'old', true, false),
    row('one that says no time is old', 'timeless', true, false),
    row('strict: a fresh one', 'strict-fresh', true, true),
    row('strict: an old one ends the handshake', 'strict-old', false, false),
    row('strict: none', 'strict-none', true, false),
    row('must: a fresh one', 'must-fresh', true, true),
    row('must: an old one ends the handshake', 'must-old', false, false),
    row('must: nobody asked', 'must-old', true, false, false),
    counted('fresh', { requests: 1, responses: 1, omitted: 0, failed: 0 }),
    counted('old', { requests: 1, responses: 0, omitted: 1, failed: 0 }),
    counted('must-old', { requests: 1, responses: 0, omitted: 0, failed: 1 }),
  ],
});
