// bench/http1: HTTP/1.1, keep-alive, bodies of 100 bytes.
import type { Scenario } from '../comparison.ts';
import { haproxy, nginx, xdsProxies } from '../contestants.ts';
import type { H2Load } from '../h2load.ts';
import { plainUpstream } from '../upstreams.ts';

export const http1Client: H2Load = { protocol: 'h1', connections: 32, streams: 1 };

export const http1: readonly Scenario[] = [
  {
    name: 'plain',
    contestants: [...xdsProxies({}), nginx('http1/nginx.conf'), haproxy('http1/haproxy.cfg')],
    client: http1Client,
    upstream: plainUpstream,
  },
];
