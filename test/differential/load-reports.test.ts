// Weights by what endpoints say of their load (ORCA): every form of the report, and how long one must wait for it and may believe it.
import { describe, expect, test } from 'vitest';
import { type Reply, raw, respond } from '../support/upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import { countAnswers } from './harness/shares.ts';
import type { Stand } from './harness/stand.ts';

const ROUND = 300;
/** In percent: requests go by weight, not by chance. */
const TOLERANCE = 2;

type Name = 'a' | 'b' | 'c';
type Row = {
  readonly name: string;
  readonly fields?: string;
  readonly blackout?: string;
  readonly reply: (name: Name) => Reply;
  /** In percent. */
  readonly shares: Readonly<Record<Name, number>>;
};

const policy = (fields: string): string =>
  `load_balancing_policy: { policies: [{ typed_extension_config: { name: p, typed_config: { "@type": type.googleapis.com/envoy.extensions.load_balancing_policies.client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin, weight_update_period: 0.1s, ${fields} } } }] }`;
const withTrailers = `typed_extension_protocol_options: { envoy.extensions.upstreams.http.v3.HttpProtocolOptions: { "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: { http_protocol_options: { enable_trailers: true } } } }`;
const cluster = (name: string, fields: string): string =>
  `{ name: ${name}, type: STATIC, connect_timeout: 1s, ${policy(fields)}, ${withTrailers}, load_assignment: { cluster_name: ${name}, endpoints: [{ lb_endpoints: [${['a', 'b', 'c'].map((port) => `{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <${port}> } } } }`).join(', ')}] }] } }`;

const saying =
  (field: string, words: Readonly<Record<Name, string | null>>) =>
  (name: Name): Reply =>
    respond({ headers: words[name] === null ? {} : { [field]: words[name] }, body: name });
const text = (words: Readonly<Record<Name, string | null>>) => saying('endpoint-load-metrics', words);
const half = { a: 50, b: 25, c: 25 };
/** Weights of 40, 20 and what lies between. */
const mean = { a: 44.4, b: 22.2, c: 33.3 };
const even = { a: 33.3, b: 33.3, c: 33.3 };

/** A report of 10 requests per second and this utilization of the CPU, as bytes: fields 1 and 6, each a double. */
function bytes(cpu: number): string {
  const message = Buffer.alloc(18);
  message.writeUInt8(0x09, 0);
  message.writeDoubleLE(cpu, 1);
  message.writeUInt8(0x31, 9);
  message.writeDoubleLE(10, 10);
  return message.toString('base64');
}

const rows: readonly Row[] = [
  {
    name: 'text',
    reply: text({
      a: 'TEXT rps_fractional: 10, cpu_utilization: 0.5',
      b: 'TEXT rps_fractional:10,cpu_utilization:1',
      c: 'TEXT cpu_utilization: 1.0, rps_fractional: 1e1',
    }),
    shares: half,
  },
  {
    name: 'json',
    reply: text({
      a: 'JSON {"rpsFractional": 10, "cpuUtilization": 0.5}',
      b: 'JSON {"rps_fractional": 10, "cpu_utilization": 1}',
      c: 'JSON {"namedMetrics": {"queue": 7}, "rps_fractional": 1e1, "cpu_utilization": 1}',
    }),
    shares: half,
  },
  { name: 'bytes', reply: text({ a: `BIN ${bytes(0.5)}`, b: `BIN ${bytes(1)}`, c: `BIN ${bytes(1)}` }), shares: half },
  {
    name: 'grpc-bytes',
    reply: saying('endpoint-load-metrics-bin', { a: bytes(0.5), b: bytes(1), c: bytes(1) }),
    shares: half,
  },
  {
    name: 'trailers',
    reply: (name) =>
      raw(
        `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n${name}\r\n0\r\nendpoint-load-metrics: TEXT rps_fractional: 10, cpu_utilization: ${name === 'a' ? 0.5 : 1}\r\n\r\n`,
      ),
    shares: half,
  },
  {
    name: 'application',
    reply: text({
      a: 'TEXT rps_fractional: 10, cpu_utilization: 1, application_utilization: 0.5',
      b: 'TEXT rps_fractional: 10, cpu_utilization: 0.1, application_utilization: 1',
      c: 'TEXT rps_fractional: 10, application_utilization: 1',
    }),
    shares: half,
  },
  {
    name: 'named',
    fields: 'metric_names_for_computing_utilization: [named_metrics.queue, mem_utilization]',
    reply: text({
      a: 'TEXT rps_fractional: 10, named_metrics.queue: 0.5, mem_utilization: 0.2',
      b: 'TEXT rps_fractional: 10, named_metrics.queue: 0.5, mem_utilization: 1',
      c: 'TEXT rps_fractional: 10, named_metrics.other: 0.1, cpu_utilization: 1',
    }),
    shares: half,
  },
  {
    name: 'errors',
    fields: 'error_utilization_penalty: 1',
    reply: text({
      a: 'TEXT rps_fractional: 10, cpu_utilization: 0.5',
      b: 'TEXT rps_fractional: 10, cpu_utilization: 0.5, eps: 5',
      c: 'TEXT rps_fractional: 10, cpu_utilization: 0.75, eps: 2.5',
    }),
    shares: half,
  },
  {
    name: 'silent',
    reply: text({
      a: 'TEXT rps_fractional: 40, cpu_utilization: 1',
      b: 'TEXT rps_fractional: 20, cpu_utilization: 1',
      c: null,
    }),
    shares: mean,
  },
  {
    name: 'rounded',
    reply: text({
      a: 'TEXT rps_fractional: 2, cpu_utilization: 1',
      b: 'TEXT rps_fractional: 1, cpu_utilization: 1',
      c: null,
    }),
    shares: half,
  },
  {
    name: 'unknown-json',
    reply: text({
      a: 'JSON {"rpsFractional": 40, "cpuUtilization": 1}',
      b: 'JSON {"rpsFractional": 20, "cpuUtilization": 1}',
      c: 'JSON {"rpsFractional": 90, "cpuUtilization": 1, "later": true}',
    }),
    shares: mean,
  },
  {
    name: 'garbled',
    reply: text({
      a: 'TEXT rps_fractional: 40, cpu_utilization: 1',
      b: 'TEXT rps_fractional: 20, cpu_utilization: 1',
      c: 'TEXT rps_fractional: 90, cpu_utilization: 1, unknown: 1',
    }),
    shares: mean,
  },
  {
    name: 'blackout',
    blackout: '600s',
    reply: text({
      a: 'TEXT rps_fractional: 40, cpu_utilization: 1',
      b: 'TEXT rps_fractional: 20, cpu_utilization: 1',
      c: 'TEXT rps_fractional: 90, cpu_utilization: 1',
    }),
    shares: even,
  },
];

compareWithEnvoy(
  {
    name: 'load reports',
    virtualHosts: `
- name: all
  domains: ["*"]
  routes: [${rows.map(({ name }) => `{ match: { path: /${name} }, route: { cluster: ${name} } }`).join(', ')}]
`,
    clusters: `[${rows.map(({ name, fields = '', blackout = '0s' }) => cluster(name, `blackout_period: ${blackout}, ${fields}`)).join(', ')}]`,
    cases: [],
  },
  (pair) => {
    describe.each(['reference', 'ours'] as const)('%s', (which: keyof Pair) => {
      test.each(rows)('$name', async (row) => {
        const found = await settled(pair()[which], row);
        for (const [name, share] of Object.entries(row.shares)) {
          expect(Math.abs((found[name] ?? 0) - share), `${name} of ${JSON.stringify(found)}`).toBeLessThanOrEqual(
            TOLERANCE,
          );
        }
      });
    });
  },
);

/** The shares of a round, once they are what they should be; else those of the last one. */
async function settled(stand: Stand, { name: path, reply, shares }: Row): Promise<Record<string, number>> {
  for (const upstream of stand.upstreams) upstream.script([reply(upstream.name as Name)]);
  let found: Record<string, number> = {};
  const isAsMeant = async () => {
    const counts = await countAnswers(stand, `/${path}`, ROUND);
    found = Object.fromEntries([...counts].map(([name, count]) => [name, (count * 100) / ROUND]));
    return Object.entries(shares).every(([name, share]) => Math.abs((found[name] ?? 0) - share) <= TOLERANCE);
  };
  await waitFor('shares as they are meant', isAsMeant).catch(() => undefined);
  return found;
}
