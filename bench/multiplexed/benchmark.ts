// bench/multiplexed: HTTP/1.1 applications with mutual TLS between their two proxies, whose requests share few connections of HTTP/2.
import { http1Client } from '../clients.ts';
import type { Scenario } from '../comparison.ts';
import { xdsProxies } from '../contestants.ts';
import { mutualTls } from '../proxy-config.ts';
import { plainUpstream } from '../upstreams.ts';

const { here, there } = mutualTls;
const overHttp1 = xdsProxies({ connects: here }, { accepts: there });
const overHttp2 = xdsProxies(
  { connects: { ...here, alpn: 'h2' }, http2Upstream: true },
  { accepts: { ...there, alpn: 'h2' } },
);

export const multiplexed: readonly Scenario[] = [
  { name: 'like for like', contestants: overHttp2, client: http1Client, upstream: plainUpstream },
  {
    // Envoy speaks HTTP/1.1 to an upstream unless told otherwise, Tulle's proxies share HTTP/2 connections.
    name: 'defaults',
    contestants: [
      ...overHttp1.filter(({ name }) => name === 'envoy'),
      ...overHttp2.filter(({ name }) => name === 'tulle'),
    ],
    client: http1Client,
    upstream: plainUpstream,
  },
];
