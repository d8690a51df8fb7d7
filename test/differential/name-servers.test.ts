// Clusters whose endpoints are names: who is asked for them, how often, and what is made of the answers.
import { afterAll, describe, expect, test } from 'vitest';
import { DnsServer } from '../support/dns-server.ts';
import { waitFor } from '../support/wait-for.ts';
import { get } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';
import type { Stand } from './harness/stand.ts';

/** Each proxy asks a server of its own, so that its questions can be told apart. */
const servers = { envoy: await DnsServer.start(), tulle: await DnsServer.start() };
afterAll(async () => {
  for (const server of Object.values(servers)) await server[Symbol.asyncDispose]();
});

const RECORDS: Readonly<Record<string, readonly [ttl: number, ...addresses: string[]]>> = {
  'one.test': [60, '127.0.0.1'],
  'soon.test': [1, '127.0.0.1'],
  'never.test': [0, '127.0.0.1'],
  'two.test': [60, '127.0.0.1', '127.0.0.2'],
  'both.test': [60, '::1', '127.0.0.1'],
  'six.test': [60, '::1'],
};
for (const { records } of Object.values(servers)) {
  for (const [name, [ttl, ...addresses]] of Object.entries(RECORDS)) records.set(name, { ttl, addresses });
}

const RESOLVER = 'type.googleapis.com/envoy.extensions.network.dns_resolver';
const address = '{ socket_address: { address: 127.0.0.1, port_value: <dns> } }';
const cares = (more = '') =>
  `{ name: r, typed_config: { "@type": ${RESOLVER}.cares.v3.CaresDnsResolverConfig, resolvers: [${address}]${more} } }`;
const typed = (more = '') => `typed_dns_resolver_config: ${cares(more)}`;
const system = `typed_dns_resolver_config: { name: r, typed_config: { "@type": ${RESOLVER}.getaddrinfo.v3.GetAddrInfoDnsResolverConfig } }`;
const typedCluster = (fields: string) =>
  `cluster_type: { name: d, typed_config: { "@type": type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster, ${fields}, ${typed()} } }`;

/** `often`: whether it is asked for again within a second. */
type Row = { readonly name: string; readonly host: string; readonly fields: string; readonly often: boolean };
const strict = (name: string, host: string, fields: string, often = false): Row => ({
  name,
  host,
  fields: `type: STRICT_DNS, dns_refresh_rate: ${often ? '0.1s' : '60s'}, ${fields}`,
  often,
});

const rows: readonly Row[] = [
  strict('by-a-server', 'one.test', typed()),
  strict('by-a-server-as-before', 'one.test', `dns_resolution_config: { resolvers: [${address}] }`),
  strict('by-a-server-as-at-first', 'one.test', `dns_resolvers: [${address}]`),
  strict('of-the-hosts-file', 'localhost', `${typed()}, dns_lookup_family: V4_ONLY`),
  strict('two-addresses', 'two.test', typed()),
  strict('six-first', 'both.test', typed()),
  strict('four-only', 'both.test', `${typed()}, dns_lookup_family: V4_ONLY`),
  strict('four-preferred', 'both.test', `${typed()}, dns_lookup_family: V4_PREFERRED`),
  strict('all-families', 'both.test', `${typed()}, dns_lookup_family: ALL`),
  strict('six-for-want-of-four', 'six.test', `${typed()}, dns_lookup_family: V4_PREFERRED`),
  strict('nobody', 'nobody.test', typed()),
  strict('nobody-completed', 'nobody', typed(', dns_resolver_options: { no_default_search_domain: true }')),
  strict('again-and-again', 'one.test', typed(), true),
  strict('again-without-a-ttl', 'never.test', `${typed()}, respect_dns_ttl: true`, true),
  { ...strict('when-the-ttl-says', 'one.test', `${typed()}, respect_dns_ttl: true`, true), often: false },
  { ...strict('when-a-lookup-says', 'localhost', `${system}, respect_dns_ttl: true`, true), often: false },
  { ...strict('a-lookup', 'localhost', `${system}, dns_lookup_family: V4_ONLY`, true), often: true },
  strict('not-found-is-an-answer', 'nobody.test', `${typed()}, dns_failure_refresh_rate: { base_interval: 60s }`, true),
  {
    name: 'by-its-type',
    host: 'soon.test',
    fields: typedCluster('dns_refresh_rate: 60s, respect_dns_ttl: true, dns_min_refresh_rate: 60s'),
    often: false,
  },
];

const cluster = ({ name, host, fields }: Row): string =>
  `{ name: ${name}, connect_timeout: 1s, ${fields}, load_assignment: { cluster_name: ${name}, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: ${host}, port_value: <a> } } } }] }] } }`;

compareWithEnvoy(
  {
    name: 'name servers',
    ports: (subject) => ({ dns: servers[subject].port }),
    virtualHosts: `[{ name: all, domains: ["*"], routes: [{ match: { path: /by-a-server }, route: { cluster: by-a-server } }] }]`,
    clusters: `[${rows.map(cluster).join(', ')}]`,
    cases: [{ name: 'a request to a name', send: get('/by-a-server'), wants: { status: 200, reached: ['a'] } }],
  },
  (pair) => {
    describe.each(rows)('$name', ({ name, host, often }) => {
      test('has the same endpoints', async () => {
        const [envoy, ours] = await Promise.all([pair().reference, pair().ours].map((one) => endpoints(one, name)));
        expect(envoy!.length > 0, host).toBe(!host.startsWith('nobody'));
        expect(ours).toEqual(envoy);
      });

      test(often ? 'is asked for again' : 'is asked for once', async () => {
        for (const stand of [pair().reference, pair().ours]) {
          const attempts = () => figure(stand, `cluster.${name}.update_attempt`);
          if (often) await waitFor(`another question (${stand.subject})`, async () => (await attempts()) > 2);
          else expect(await attempts(), stand.subject).toBe(1);
        }
      });

      test('is no failure', async () => {
        for (const stand of [pair().reference, pair().ours])
          expect(await figure(stand, `cluster.${name}.update_failure`), stand.subject).toBe(0);
      });
    });

    test('the same questions were asked', () => {
      const [envoy, ours] = [servers.envoy, servers.tulle].map(({ questions }) => [...new Set(questions)].sort());
      expect(ours).toEqual(envoy);
    });

    test('a name that is gone takes its endpoints along', async () => {
      for (const [subject, stand] of [
        ['envoy', pair().reference],
        ['tulle', pair().ours],
      ] as const) {
        servers[subject].records.delete('never.test');
        await waitFor(
          `no endpoint (${subject})`,
          async () => (await endpoints(stand, 'again-without-a-ttl')).length === 0,
        );
      }
    });
  },
);

/** Addresses as `/clusters` shows them. */
async function endpoints(stand: Stand, name: string): Promise<readonly string[]> {
  const text = await admin(stand, 'clusters');
  const found = text.matchAll(new RegExp(`^${name}::(.+)::cx_total::`, 'gm'));
  return [...found].map(([, place]) => stand.withoutPorts(place!)).sort();
}

async function figure(stand: Stand, name: string): Promise<number> {
  const text = await admin(stand, `stats?filter=^${name}$`);
  return Number(text.split(': ')[1] ?? Number.NaN);
}

async function admin(stand: Stand, path: string): Promise<string> {
  return (await fetch(`http://127.0.0.1:${stand.portOf('admin')}/${path}`)).text();
}
