// What both proxies log about ejected endpoints (`cluster_manager.outlier_detection.event_log_path`), line by line.
import { expect, test } from 'vitest';
import { RawConnection } from '../support/raw-http.ts';
import { respond } from '../support/upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { wholeLines } from '../support/whole-lines.ts';
import { get } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';
import type { Stand } from './harness/stand.ts';

/** Endpoint a answers 500, the others are well. */
type Row = {
  readonly name: string;
  readonly ports: readonly string[];
  readonly fields: string;
  /** Actions that are to be told, in turn. */
  readonly wants: readonly string[];
};

const NEVER =
  'enforcing_success_rate: 0, enforcing_consecutive_5xx: 0, consecutive_5xx: 1000, success_rate_minimum_hosts: 1000, failure_percentage_minimum_hosts: 1000';
const rows: readonly Row[] = [
  {
    name: 'in-a-row',
    ports: ['a'],
    fields:
      'consecutive_5xx: 2, base_ejection_time: 0.3s, max_ejection_time: 0.3s, success_rate_minimum_hosts: 1000, failure_percentage_minimum_hosts: 1000',
    wants: ['EJECT', 'UNEJECT', 'EJECT', 'UNEJECT'],
  },
  {
    name: 'of-a-gateway',
    ports: ['b'],
    fields: `consecutive_gateway_failure: 2, enforcing_consecutive_gateway_failure: 100, ${NEVER}`,
    wants: ['EJECT'],
  },
  {
    name: 'nobody-there',
    ports: ['dead'],
    fields: `split_external_local_origin_errors: true, consecutive_local_origin_failure: 2, ${NEVER}`,
    wants: ['EJECT'],
  },
  {
    name: 'by-rate',
    ports: ['a', 'b', 'c'],
    fields:
      'success_rate_minimum_hosts: 3, success_rate_request_volume: 1, success_rate_stdev_factor: 1000, consecutive_5xx: 1000, failure_percentage_minimum_hosts: 1000',
    wants: ['EJECT'],
  },
  {
    name: 'by-percentage',
    ports: ['a', 'b', 'c'],
    fields:
      'failure_percentage_minimum_hosts: 3, failure_percentage_request_volume: 1, failure_percentage_threshold: 50, enforcing_failure_percentage: 100, consecutive_5xx: 1000, success_rate_minimum_hosts: 1000',
    wants: ['EJECT'],
  },
  {
    name: 'not-enforced',
    ports: ['a'],
    fields: `consecutive_gateway_failure: 1000, ${NEVER.replace('consecutive_5xx: 1000', 'consecutive_5xx: 2')}`,
    wants: ['EJECT'],
  },
];

const endpoint = (port: string): string =>
  `{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <${port}> } } } }`;
const cluster = ({ name, ports, fields }: Row): string =>
  `{ name: ${name}, type: STATIC, connect_timeout: 1s, common_lb_config: { healthy_panic_threshold: { value: 0 } }, outlier_detection: { interval: 0.2s, max_ejection_percent: 100, ${fields} }, load_assignment: { cluster_name: ${name}, endpoints: [{ lb_endpoints: [${ports.map(endpoint).join(', ')}] }] } }`;
const route = ({ name }: Row): string => `{ match: { path: /${name} }, route: { cluster: ${name} } }`;

compareWithEnvoy(
  {
    name: 'outlier events',
    bootstrap: 'cluster_manager: { outlier_detection: { event_log_path: <folder>/outlier.log } }',
    virtualHosts: `[{ name: all, domains: ["*"], routes: [${rows.map(route).join(', ')}] }]`,
    clusters: `[${rows.map(cluster).join(', ')}]`,
    cases: [],
  },
  (pair) => {
    test.each(rows)('$name', async (row) => {
      const [envoy, ours] = await Promise.all([told(pair().reference, row), told(pair().ours, row)]);
      expect(envoy.map(({ action }) => action)).toEqual(row.wants);
      expect(ours).toEqual(envoy);
    });
  },
);

/** Events of a cluster that is asked until there are as many as are wanted. */
async function told(stand: Stand, { name, wants }: Row): Promise<readonly Record<string, unknown>[]> {
  stand.upstreams.find((one) => one.name === 'a')!.fixed.set(`/${name}`, respond({ status: 500 }));
  stand.upstreams.find((one) => one.name === 'b')!.fixed.set('/of-a-gateway', respond({ status: 503 }));
  using connection = await RawConnection.open(stand.portOf('front'));
  return await waitFor(`events of ${name} (${stand.subject})`, async () => {
    const events = eventsOf(stand, name);
    if (events.length >= wants.length) return events.slice(0, wants.length);
    connection.send(get(`/${name}`));
    await connection.response();
    return false;
  });
}

function eventsOf(stand: Stand, name: string): Record<string, unknown>[] {
  return wholeLines(`${stand.folder}/outlier.log`)
    .map((line) => JSON.parse(stand.withoutPorts(line)) as Record<string, unknown>)
    .filter((event) => event.cluster_name === name)
    .map(({ timestamp, secs_since_last_action: since, ...rest }) => ({
      ...rest,
      timed: /^\d{4}-.*Z$/.test(String(timestamp)),
      since: since === undefined ? 'never' : /^\d+$/.test(String(since)),
    }));
}
