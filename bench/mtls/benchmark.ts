// bench/mtls: HTTP/1.1 applications, mutual TLS 1.3 between two proxies, both measured together.
import type { Scenario } from '../comparison.ts';
import { haproxy, nginx, xdsProxies } from '../contestants.ts';
import { http1Client } from '../http1/benchmark.ts';
import { plainUpstream } from '../upstreams.ts';

const here = { own: 'client', peer: 'server' } as const;
const there = { own: 'server', peer: 'client' } as const;

export const mtls: readonly Scenario[] = [
  {
    name: 'HTTP/1.1 hop',
    contestants: [
      ...xdsProxies({ connects: here }, { accepts: there }),
      nginx('mtls/nginx-client.conf', 'mtls/nginx-server.conf'),
      haproxy('mtls/haproxy-client.cfg', 'mtls/haproxy-server.cfg'),
    ],
    client: http1Client,
    upstream: plainUpstream,
  },
];
