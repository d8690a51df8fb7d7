// Weights by what endpoints say of their load on streams of their own (ORCA's OpenRcaService), and what becomes of streams that end.
import { createServer, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterAll, describe, expect, test } from 'vitest';
import { frameMessage } from '../../src/proxy/http/grpc-messages.ts';
import { RawConnection } from '../support/raw-http.ts';
import { waitFor } from '../support/wait-for.ts';
import { get, type SubjectName } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import type { Stand } from './harness/stand.ts';

const ROUND = 300;
const NAMES = ['half', 'full', 'idle', 'unknown', 'ending', 'garbling'] as const;
type Name = (typeof NAMES)[number];
type Asked = { readonly headers: IncomingHttpHeaders; readonly body: string };

/** A report of 10 requests per second, unless there are none, and this utilization of the CPU: fields 1 and 6, each a double. */
function report(cpu: number, rate = 10): Buffer {
  const message = Buffer.alloc(18);
  message.writeUInt8(0x09, 0);
  message.writeDoubleLE(cpu, 1);
  message.writeUInt8(0x31, 9);
  message.writeDoubleLE(rate, 10);
  return frameMessage(message);
}

const GRPC = { ':status': 200, 'content-type': 'application/grpc' };
const reporting = (message: Buffer) => (stream: ServerHttp2Stream) => {
  stream.respond(GRPC);
  stream.write(message);
  const timer = setInterval(() => stream.write(message), 100);
  stream.on('close', () => clearInterval(timer));
};
const STREAMS: Readonly<Record<Name, (stream: ServerHttp2Stream) => void>> = {
  half: reporting(report(0.5)),
  full: reporting(report(1)),
  idle: reporting(report(0.5, 0)),
  unknown: (stream) => stream.respond({ ...GRPC, 'grpc-status': '12' }, { endStream: true }),
  ending(stream) {
    stream.respond({ ...GRPC, 'grpc-status': '0' }, { endStream: true });
  },
  garbling(stream) {
    stream.respond(GRPC);
    stream.write(frameMessage(Buffer.from([0xff, 0xff])));
  },
};

const servers: Http2Server[] = [];
const asked: Record<SubjectName, Partial<Record<Name, Asked>>> = { envoy: {}, tulle: {} };
afterAll(() => {
  for (const server of servers) server.close();
});

/** Its responses say nothing of load. */
async function serve(subject: SubjectName, name: Name): Promise<number> {
  const server = createServer();
  servers.push(server);
  server.on('session', (session) => void session.on('error', () => undefined).unref());
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    if (headers[':path'] === '/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics') {
      stream.on('data', (body: Buffer) => {
        asked[subject][name] = { headers, body: body.toString('hex') };
      });
      STREAMS[name](stream);
      return;
    }
    stream.respond({ ':status': 200 });
    stream.end(name);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const portsOf = async (subject: SubjectName) =>
  Object.fromEntries(await Promise.all(NAMES.map(async (name) => [name, await serve(subject, name)] as const)));
const ports = { envoy: await portsOf('envoy'), tulle: await portsOf('tulle') };

const EXTENSIONS = 'type.googleapis.com/envoy.extensions';
const HTTP2 = `typed_extension_protocol_options: { envoy.extensions.upstreams.http.v3.HttpProtocolOptions: { "@type": ${EXTENSIONS}.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: { http2_protocol_options: {} } } }`;
const POLICY = `load_balancing_policy: { policies: [{ typed_extension_config: { name: p, typed_config: { "@type": ${EXTENSIONS}.load_balancing_policies.client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin, weight_update_period: 0.1s, blackout_period: 0s, enable_oob_load_report: true, oob_reporting_period: 0.5s } } }] }`;
const cluster = (name: string, hostname: string, ...members: Name[]): string =>
  `{ name: ${name}, type: STATIC, connect_timeout: 1s, ${HTTP2}, ${POLICY}, load_assignment: { cluster_name: ${name}, endpoints: [{ lb_endpoints: [${members.map((port) => `{ endpoint: { hostname: '${hostname}', address: { socket_address: { address: 127.0.0.1, port_value: <${port}> } } } }`).join(', ')}] }] } }`;

const statsOf = async (stand: Stand, of: string): Promise<Record<string, number>> => {
  const text = await (await fetch(`http://127.0.0.1:${stand.portOf('admin')}/stats?filter=${of}.lb_orca_oob`)).text();
  return Object.fromEntries([...text.matchAll(/oob\.(\w+): (\d+)/g)].map(([, name, value]) => [name, Number(value)]));
};

compareWithEnvoy(
  {
    name: 'streams of load reports',
    virtualHosts: `
- name: all
  domains: ["*"]
  routes: [{ match: { prefix: / }, route: { cluster: told } }]
`,
    clusters: `[${cluster('told', 'told.test', 'half', 'full')}, ${cluster('idles', '', 'idle')}, ${cluster('unknowing', '', 'unknown')}, ${cluster('ends', '', 'ending')}, ${cluster('garbles', '', 'garbling')}]`,
    ports: (subject) => ports[subject],
    cases: [],
  },
  (pair) => {
    describe.each(['reference', 'ours'] as const)('%s', (which: keyof Pair) => {
      test('weights', async () => {
        await waitFor(
          'reports of both',
          async () => ((await statsOf(pair()[which], 'told'))['reports_received'] ?? 0) > 8,
        );
        const shares = await waitFor('two thirds of one', () => sharesOf(pair()[which], 66.7), { deadline: 10_000 });
        expect(shares).toBeCloseTo(66.7, -1);
        expect(await statsOf(pair()[which], 'told')).toMatchObject({
          active_sessions: 2,
          report_errors: 0,
          stream_failures: 0,
          stream_terminated: 0,
        });
      });

      test('reports that make no weight are told', async () => {
        await waitFor('reports', async () => {
          const { reports_received: received = 0, report_errors: errors } = await statsOf(pair()[which], 'idles');
          return received > 2 && received === errors;
        });
      });

      test('who does not know the service is not asked again', async () => {
        const over = { active_sessions: 0, reports_received: 0, stream_failures: 0, stream_terminated: 1 };
        await waitFor('its end', async () => (await statsOf(pair()[which], 'unknowing'))['stream_terminated'] === 1);
        expect(await statsOf(pair()[which], 'unknowing')).toMatchObject(over);
      });

      test.each(['ends', 'garbles'])('a stream that %s is opened again', async (of) => {
        await waitFor('three ends', async () => ((await statsOf(pair()[which], of))['stream_failures'] ?? 0) >= 3);
        expect(await statsOf(pair()[which], of)).toMatchObject({
          active_sessions: 1,
          reports_received: 0,
          stream_terminated: 0,
        });
      });
    });

    test('the endpoint is asked alike', async () => {
      for (const name of ['half', 'idle'] as const) {
        await waitFor('both questions', () => asked.envoy[name] !== undefined && asked.tulle[name] !== undefined);
        const [theirs, ours] = [asked.envoy[name], asked.tulle[name]].map((one) => ({
          ...one,
          headers: Object.entries({
            ...one?.headers,
            ':authority': one?.headers[':authority']?.replace(/:\d+$/, ''),
          }).sort(),
        }));
        expect(ours).toEqual(theirs);
      }
    });
  },
);

/** Percent of the first endpoint, once it is near; else false. */
async function sharesOf(stand: Stand, wanted: number): Promise<number | false> {
  using connection = await RawConnection.open(stand.portOf('front'));
  let first = 0;
  for (let i = 0; i < ROUND; i += 1) {
    connection.send(get('/'));
    if ((await connection.response()).body === 'half') first += 100 / ROUND;
  }
  return Math.abs(first - wanted) <= 3 && first;
}
