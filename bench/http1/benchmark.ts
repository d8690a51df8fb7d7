// bench/http1: HTTP/1.1, keep-alive, bodies of 100 bytes: one hop, and two hops with mutual TLS 1.3 between, both proxies measured together.
import { http1Client } from '../clients.ts';
import type { Scenario } from '../comparison.ts';
import { haproxy, nginx, xdsProxies } from '../contestants.ts';
import { mutualTls } from '../proxy-config.ts';
import { plainUpstream } from '../upstreams.ts';

export const http1: readonly Scenario[] = [
  {
    name: 'plain',
    contestants: [...xdsProxies({}), nginx('http1/nginx.conf'), haproxy('http1/haproxy.cfg')],
    client: http1Client,
    upstream: plainUpstream,
  },
  {
    name: 'mtls',
    contestants: [
      ...xdsProxies({ connects: mutualTls.here }, { accepts: mutualTls.there }),
      nginx('http1/nginx-mtls-client.conf', 'http1/nginx-mtls-server.conf'),
      haproxy('http1/haproxy-mtls-client.cfg', 'http1/haproxy-mtls-server.cfg'),
    ],
    client: http1Client,
    upstream: plainUpstream,
  },
];
