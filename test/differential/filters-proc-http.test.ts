// A processor that is asked by HTTP (http_service): each message is a POST of JSON.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll } from 'vitest';
import { type Case, get, request } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

type Header = { readonly key: string; readonly raw_value: string };
type Asked = Readonly<Record<'request_headers' | 'response_headers', { headers: { headers: Header[] } } | undefined>>;

const server = createServer((asked, response) => void answer(asked, response));
const port = await new Promise<number>((resolve) => {
  server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

const VOLATILE = /^(x-request-id|x-case|date|x-envoy-upstream-service-time)$/;
const sets = (key: string, value: string) => ({
  response: {
    header_mutation: { set_headers: [{ header: { key, raw_value: Buffer.from(value).toString('base64') } }] },
  },
});

async function answer(asked: IncomingMessage, response: ServerResponse): Promise<void> {
  const json = JSON.parse(await text(asked)) as Asked;
  if (json.response_headers !== undefined) {
    response.end(JSON.stringify({ response_headers: sets('x-answered', told(json)) }));
    return;
  }
  const path = json.request_headers?.headers.headers.find(({ key }) => key === ':path')?.raw_value ?? '';
  say(
    Buffer.from(path, 'base64').toString(),
    `${asked.method} ${asked.url} ${asked.headers.host} ${told(json)}`,
    response,
  );
}

/** What does not change from run to run of a message. */
function told(json: Asked): string {
  return JSON.stringify(json, (_key, value: unknown) => {
    if (Array.isArray(value))
      return (value as Header[]).filter(({ key }) => !VOLATILE.test(key)).sort((a, b) => (a.key < b.key ? -1 : 1));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function say(path: string, seen: string, response: ServerResponse): void {
  const says: Readonly<Record<string, () => void>> = {
    '/nothing': () => response.end('{"request_headers":{}}'),
    '/told': () => response.end(JSON.stringify({ requestHeaders: sets('x-told', seen) })),
    '/more': () => response.end('{"request_headers":{},"nobody_knows":1}'),
    '/stop': () =>
      response.end(
        JSON.stringify({
          immediate_response: { status: { code: 'Unauthorized' }, body: Buffer.from('no').toString('base64') },
        }),
      ),
    '/refused': () => response.writeHead(500).end('{"request_headers":{}}'),
    '/created': () => response.writeHead(201).end('{"request_headers":{}}'),
    '/broken': () => response.end('{"request_headers":'),
    '/empty': () => response.end(),
    '/wrong': () => response.end('{"response_headers":{}}'),
    '/cut': () => response.destroy(),
    '/silent': () => undefined,
  };
  says[path]?.();
}

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor';
const filter = (more = '', cluster = 'processor', mode = '', time = '5s'): string =>
  `[{ name: proc, typed_config: { "@type": ${TYPE}, message_timeout: ${time}, processing_mode: { ${mode} }, http_service: { http_service: { http_uri: { uri: "http://processor.local/ask?a=b", cluster: ${cluster}, timeout: 5s } } }, ${more} } }]`.replace(
    ', ,',
    ',',
  );

const clusters = `
- name: processor
  type: STATIC
  connect_timeout: 1s
  load_assignment: { cluster_name: processor, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } } }] }] }
`;
const virtualHosts = `
- name: all
  domains: ["*"]
  routes:
    - { match: { prefix: / }, route: { cluster: a } }
`;

const meets = (path: string, status: number, listener = 'front'): Case => ({
  name: `${listener}: ${path}`,
  listener,
  send: get(path),
  wants: { status },
});

compareWithEnvoy({
  name: 'filters-proc-http',
  statistics: /ext_proc/,
  listeners: {
    front: { filters: filter() },
    open: { filters: filter('failure_mode_allow: true') },
    hasty: { filters: filter('', 'processor', '', '0.2s') },
    hastyAndOpen: { filters: filter('failure_mode_allow: true', 'processor', '', '0.2s') },
    unreachable: { filters: filter('', 'refused') },
    requests: { filters: filter('', 'processor', 'response_header_mode: SKIP') },
    status: { filters: filter('status_on_error: { code: BadGateway }') },
  },
  clusters,
  virtualHosts,
  cases: [
    meets('/nothing', 200),
    meets('/told', 200),
    { name: 'a body that is not shown', send: request('POST', '/told', { body: 'hello' }), wants: { status: 200 } },
    meets('/more', 500),
    meets('/stop', 401),
    meets('/refused', 500),
    meets('/created', 500),
    meets('/broken', 500),
    meets('/empty', 500),
    meets('/wrong', 500),
    meets('/cut', 500),
    meets('/silent', 504, 'hasty'),
    meets('/nothing', 500, 'unreachable'),
    meets('/told', 200, 'requests'),
    meets('/refused', 200, 'open'),
    meets('/silent', 200, 'hastyAndOpen'),
    meets('/refused', 502, 'status'),
  ],
});
