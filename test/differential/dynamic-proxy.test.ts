// The dynamic forward proxy: requests go to the names they are for.
import { expect, test } from 'vitest';
import { RawConnection } from '../support/raw-http.ts';
import { request } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';
import type { Stand } from './harness/stand.ts';
import { figuresOfBoth } from './harness/statistics.ts';

const cache = (name: string, more = ''): string =>
  `dns_cache_config: { name: ${name}, dns_lookup_family: V4_ONLY, ${more} }`;
const LIMITED = 'max_hosts: 1';
const cluster = (name: string, more = ''): string =>
  `{ name: ${name}, connect_timeout: 1s, lb_policy: CLUSTER_PROVIDED, cluster_type: { name: envoy.clusters.dynamic_forward_proxy, typed_config: { "@type": type.googleapis.com/envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig, ${cache(name, more)} } } }`;
const TLS =
  'transport_socket: { name: tls, typed_config: { "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, common_tls_context: { tls_certificates: [{ certificate_chain: { filename: <folder>/client.pem }, private_key: { filename: <folder>/client-key.pem } }], validation_context: { trusted_ca: { filename: <folder>/ca.pem } } } } }';
const secured = (name: string, fields: string, more: string): string =>
  `{ name: ${name}, connect_timeout: 1s, lb_policy: CLUSTER_PROVIDED, ${TLS}, ${fields} cluster_type: { name: envoy.clusters.dynamic_forward_proxy, typed_config: { "@type": type.googleapis.com/envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig, ${more} ${cache('names')} } } }`;
const filter = (name: string, more = ''): string =>
  `[{ name: envoy.filters.http.dynamic_forward_proxy, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig, ${cache(name, more)} } }]`;
const perRoute = (rewrite: string): string =>
  `typed_per_filter_config: { envoy.filters.http.dynamic_forward_proxy: { "@type": type.googleapis.com/envoy.extensions.filters.http.dynamic_forward_proxy.v3.PerRouteConfig, ${rewrite} } }`;

const to = (host: string, ...headers: string[]): string => request('GET', '/', { host, headers });

compareWithEnvoy(
  {
    name: 'dynamic proxy',
    listeners: {
      front: { filters: filter('names') },
      narrow: { filters: filter('narrow', LIMITED) },
      bare: {},
    },
    virtualHosts: `[{ name: all, domains: ["*"], routes: [
      { match: { path: /literal }, route: { cluster: names }, ${perRoute('host_rewrite_literal: "localhost:<b>"')} },
      { match: { path: /header }, route: { cluster: names }, ${perRoute('host_rewrite_header: x-host')} },
      { match: { path: /late }, route: { cluster: names, host_rewrite_literal: "localhost:<c>" } },
      { match: { path: /other }, route: { cluster: a } },
      { match: { path: /later }, route: { cluster: names, host_rewrite_literal: "LOCALHOST:<c>" } },
      { match: { path: /never }, route: { cluster: names, host_rewrite_literal: "no.invalid:<c>" } },
      { match: { path: /strict }, route: { cluster: strict } },
      { match: { path: /lenient }, route: { cluster: lenient } },
      { match: { prefix: /narrow }, route: { cluster: narrow } },
      { match: { prefix: / }, route: { cluster: names } }] }]`,
    certificates: true,
    clusters: `[${secured('strict', '', '')}, ${secured('lenient', 'upstream_http_protocol_options: { auto_sni: true },', 'allow_insecure_cluster_options: true,')}, ${cluster('names')}, ${cluster('narrow', LIMITED)}]`,
    cases: [
      { name: 'a name', send: to('localhost:<a>'), wants: { status: 200, body: 'a', reached: ['a'] } },
      {
        name: 'the name again',
        send: [to('localhost:<a>'), to('localhost:<a>')],
        wants: { status: [200, 200], reached: ['a', 'a'] },
      },
      { name: 'another port', send: to('localhost:<b>'), wants: { status: 200, reached: ['b'] } },
      { name: 'an address', send: to('127.0.0.1:<c>'), wants: { status: 200, reached: ['c'] } },
      {
        name: 'a name that does not exist',
        send: to('nobody.invalid:<a>'),
        wants: { status: 503, reached: [], flags: 'DF' },
      },
      { name: 'and is remembered', send: to('nobody.invalid:<a>'), wants: { status: 503, reached: [], flags: 'DF' } },
      {
        name: 'TLS to a name that its certificate is not for',
        send: request('GET', '/strict', { host: 'localhost:<secure>' }),
        wants: { status: 503, reached: [] },
      },
      {
        name: 'TLS where any certificate of the authority will do',
        send: request('GET', '/lenient', { host: 'localhost:<secure>' }),
        wants: { status: 200, reached: ['secure'] },
      },
      { name: 'nobody listens', send: to('localhost:<dead>'), wants: { status: 503, reached: [], flags: 'UF' } },
      {
        name: 'another cluster',
        send: request('GET', '/other', { host: 'nobody.invalid' }),
        wants: { status: 200, reached: ['a'] },
      },
      {
        name: 'the name of the route',
        send: request('GET', '/literal', { host: 'nobody.invalid' }),
        wants: { status: 200, reached: ['b'] },
      },
      {
        name: 'the name in a header',
        send: request('GET', '/header', { host: 'nobody.invalid', headers: ['x-host: localhost:<c>'] }),
        wants: { status: 200, reached: ['c'] },
      },
      {
        name: 'no such header',
        send: request('GET', '/header', { host: 'localhost:<a>' }),
        wants: { status: 200, reached: ['a'] },
      },
      {
        name: 'a host that is rewritten later is resolved by nobody',
        send: request('GET', '/late', { host: 'localhost:<a>' }),
        wants: { status: 200, reached: ['c'] },
      },
      {
        name: 'nor is one that nobody has heard of',
        send: request('GET', '/later', { host: 'localhost:<a>' }),
        wants: { status: 200, reached: ['c'] },
      },
      {
        name: 'or that nobody has',
        send: request('GET', '/never', { host: 'localhost:<a>' }),
        wants: { status: 503, reached: [] },
      },
      {
        name: 'without the filter: unknown',
        listener: 'bare',
        send: to('LocalHost:<b>'),
        wants: { status: 200, reached: ['b'] },
      },
      {
        name: 'without the filter: nobody',
        listener: 'bare',
        send: to('none.invalid:<b>'),
        wants: { status: 503, reached: [] },
      },
      {
        name: 'without the filter: nobody, with a body',
        listener: 'bare',
        send: request('POST', '/', { host: 'nil.invalid:<b>', body: 'abc' }),
        wants: { status: 503, reached: [] },
      },
      {
        name: 'without the filter: with a body',
        listener: 'bare',
        send: request('POST', '/', { host: 'LOCALHOST:<b>', body: 'abc' }),
        wants: { status: 200, reached: ['b'] },
      },
      {
        name: 'the first name of few',
        listener: 'narrow',
        send: request('GET', '/narrow', { host: 'localhost:<a>' }),
        wants: { status: 200, reached: ['a'] },
      },
      {
        name: 'one too many',
        listener: 'narrow',
        send: request('GET', '/narrow', { host: 'localhost:<b>' }),
        wants: { status: 503, reached: [], flags: '-' },
      },
      {
        name: 'without the filter: known',
        listener: 'bare',
        send: to('localhost:<a>'),
        wants: { status: 200, reached: ['a'] },
      },
    ],
  },
  (pair) => {
    test('what is counted', async () => {
      const [envoy, ours] = await figuresOfBoth(pair(), counters);
      expect(envoy!.length).toBeGreaterThan(5);
      expect(ours).toEqual(envoy);
    });

    test('many requests for a new name wait for one question', async () => {
      const [envoy, ours] = await Promise.all(
        [pair().reference, pair().ours].map(async (stand) => {
          for (const upstream of stand.upstreams) upstream.script();
          const before = await asked(stand);
          const answers = await Promise.all(
            Array.from({ length: 5 }, async () => {
              using connection = await RawConnection.open(stand.portOf('front'));
              connection.send(to('unheard.invalid'));
              return (await connection.response()).status;
            }),
          );
          return { answers, asked: (await asked(stand)) - before };
        }),
      );
      expect(envoy).toEqual({ answers: [503, 503, 503, 503, 503], asked: 1 });
      expect(ours).toEqual(envoy);
    });
  },
);

async function asked(stand: Stand): Promise<number> {
  const line = (await stats(stand)).find((one) => one.startsWith('dns_cache.names.dns_query_attempt'));
  return Number(line?.split(': ')[1]);
}

async function counters(stand: Stand): Promise<readonly string[]> {
  const wanted =
    /^(dns_cache\.\w+\.(host_|num_hosts|dns_query_(failure|timeout))|cluster\.(names|narrow)\.(membership_|upstream_rq_total|upstream_cx_none_healthy))/;
  return (await stats(stand)).filter((line) => wanted.test(line) && !line.endsWith(': 0')).sort();
}

async function stats(stand: Stand): Promise<readonly string[]> {
  return (await (await fetch(`http://127.0.0.1:${stand.portOf('admin')}/stats`)).text()).split('\n');
}
