// Connections to endpoints: where they come from, and whose requests share them.
import { expect, test } from 'vitest';
import { RawConnection } from '../support/raw-http.ts';
import { get } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';
import type { Stand } from './harness/stand.ts';

const cluster = (name: string, fields: string): string =>
  `{ name: ${name}, type: STATIC, connect_timeout: 1s, ${fields} load_assignment: { cluster_name: ${name}, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <a> } } } }] }] } }`;
const from = (address: string, more = ''): string =>
  `upstream_bind_config: { source_address: { address: "${address}", port_value: 0 }, ${more} },`;
/** Its IPv6 address is the second; only the first is listened on. */
const ordered = (name: string, version: string): string =>
  `{ name: ${name}, type: STATIC, connect_timeout: 1s, upstream_connection_options: { happy_eyeballs_config: { first_address_family_version: ${version}, first_address_family_count: 1 } }, load_assignment: { cluster_name: ${name}, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <a> } }, additional_addresses: [{ address: { socket_address: { address: "::1", port_value: <dead> } } }] } }] }] } }`;
const clusters = {
  free: cluster('free', ''),
  bound: cluster('bound', from('127.0.0.2')),
  'of-its-family': cluster(
    'of-its-family',
    from('::1', 'extra_source_addresses: [{ address: { address: 127.0.0.3, port_value: 0 } }]'),
  ),
  'nowhere-here': cluster('nowhere-here', from('192.0.2.1')),

  optioned: cluster(
    'optioned',
    from(
      '127.0.0.4',
      'socket_options: [{ level: 1, name: 9, int_value: 1 }, { level: 6, name: 1, int_value: 1, state: STATE_BOUND }]',
    ),
  ),
  'of-options-alone': cluster(
    'of-options-alone',
    'upstream_bind_config: { socket_options: [{ level: 1, name: 9, int_value: 1 }] },',
  ),
  'with-a-wrong-option': cluster(
    'with-a-wrong-option',
    from('127.0.0.4', 'socket_options: [{ level: 6, name: 9999, int_value: 1 }]'),
  ),
  'by-its-second-family': ordered('by-its-second-family', 'V6'),
  'by-its-first-family': ordered('by-its-first-family', 'V4'),
  own: cluster('own', 'connection_pool_per_downstream_connection: true,'),
};
const shows = (address: string) => ({ status: 200, headers: { 'x-source': address } });

compareWithEnvoy(
  {
    name: 'upstream connections',
    virtualHosts: `[{ name: all, domains: ["*"], response_headers_to_add: [{ header: { key: x-source, value: "%UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%" } }], routes: [${Object.keys(
      clusters,
    )
      .map((name) => `{ match: { path: /${name} }, route: { cluster: ${name} } }`)
      .join(', ')}] }]`,
    clusters: `[${Object.values(clusters).join(', ')}]`,
    cases: [
      { name: 'from anywhere', send: get('/free'), wants: shows('127.0.0.1') },
      { name: 'from an address', send: get('/bound'), wants: shows('127.0.0.2') },
      { name: 'from the address of its family', send: get('/of-its-family'), wants: shows('127.0.0.3') },
      { name: 'with options before it is bound', send: get('/optioned'), wants: shows('127.0.0.4') },
      { name: 'with options and without an address', send: get('/of-options-alone'), wants: shows('127.0.0.1') },
      {
        name: 'with an option that there is none of',
        send: get('/with-a-wrong-option'),
        wants: { status: 503, reached: [], flags: 'UF' },
      },
      { name: 'by the family that is named', send: get('/by-its-first-family'), wants: shows('127.0.0.1') },
      { name: 'by the other family, in the end', send: get('/by-its-second-family'), wants: shows('127.0.0.1') },
      {
        name: 'from an address that is not here',
        send: get('/nowhere-here'),
        wants: { status: 503, reached: [], flags: 'UF' },
      },
    ],
  },
  (pair) => {
    test.each([
      ['share them', 'free', 1],
      ['have their own', 'own', 2],
    ])('clients %s', async (_name, path, count) => {
      const [envoy, ours] = await Promise.all([pair().reference, pair().ours].map((stand) => used(stand, `/${path}`)));
      expect(new Set(envoy).size).toBe(count);
      expect(ours).toEqual(envoy);
    });
  },
);

/** Which connection each of three requests came on, of which the first and the last are one client's; counted from 0. */
async function used(stand: Stand, path: string): Promise<readonly number[]> {
  const upstream = stand.upstreams[0]!;
  upstream.script();
  using one = await RawConnection.open(stand.portOf('front'));
  using other = await RawConnection.open(stand.portOf('front'));
  for (const client of [one, other, one]) {
    client.send(get(path));
    expect((await client.response()).status).toBe(200);
  }
  const connections = upstream.received.map(({ connection }) => connection);
  return connections.map((connection) => connections.indexOf(connection));
}
