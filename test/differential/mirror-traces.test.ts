// What copies of requests are told of the trace (`request_mirror_policies[].trace_sampled`).
import { expect, test } from 'vitest';
import { RawConnection } from '../support/raw-http.ts';
import { waitFor } from '../support/wait-for.ts';
import { get } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';
import type { Stand } from './harness/stand.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const tracing = `
stream_idle_timeout: 300s
tracing:
  provider:
    name: envoy.tracers.opentelemetry
    typed_config:
      '@type': type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig
      http_service: {http_uri: {uri: 'http://collector/v1/traces', cluster: c, timeout: 1s}}
`;
const route = (path: string, policy = ''): string =>
  `{ match: { path: /${path} }, route: { cluster: a, request_mirror_policies: [{ cluster: b${policy} }] } }`;

compareWithEnvoy(
  {
    name: 'traces of copies',
    listeners: { front: { manager: tracing }, untraced: {} },
    virtualHosts: `[{ name: all, domains: ["*"], routes: [${route('silent')}, ${route('recorded', ', trace_sampled: true')}, ${route('unrecorded', ', trace_sampled: false')}] }]`,
    cases: [],
  },
  (pair) => {
    test.each([
      ['silent', 'front', '01', '01'],
      ['silent', 'front', '00', '00'],
      ['recorded', 'front', '01', '01'],
      ['recorded', 'front', '00', '01'],
      ['unrecorded', 'front', '01', '00'],
      ['unrecorded', 'front', '00', '00'],
      ['unrecorded', 'untraced', '01', '01'],
    ])('%s by %s of a request with flag %s', async (path, listener, flag, wants) => {
      for (const stand of [pair().reference, pair().ours]) {
        const [request, copy] = await traces(stand, listener, path, flag);
        expect([request, copy], stand.subject).toEqual([`${TRACE} ${flag}`, `${TRACE} ${wants}`]);
      }
    });
  },
);

/** Trace and flags as the upstream of the request, and that of the copy, were told. */
async function traces(stand: Stand, listener: string, path: string, flag: string): Promise<readonly string[]> {
  const wanted = stand.upstreams.filter(({ name }) => name === 'a' || name === 'b');
  for (const upstream of wanted) upstream.script();
  using connection = await RawConnection.open(stand.portOf(listener));
  connection.send(get(`/${path}`, `traceparent: 00-${TRACE}-b7ad6b7169203331-${flag}`));
  expect((await connection.response()).status).toBe(200);
  return await Promise.all(
    wanted.map((upstream) =>
      waitFor(`a request to ${upstream.name} (${stand.subject})`, () => {
        const [, told] = upstream.received[0]?.headers.find(([name]) => name.toLowerCase() === 'traceparent') ?? [];
        return told?.replace(/^00-(\w+)-\w+-(\w+)$/, '$1 $2');
      }),
    ),
  );
}
