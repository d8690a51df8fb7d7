// The admin port: plain HTTP for people, probes and the mesh on this machine; not for web pages.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { type AdminAnswer, type AdminView, endpoints, helpText } from './endpoints.ts';

export type AdminServer = {
  /** The one in use, when 0 was asked for. */
  readonly port: number;
  close(): void;
};

const contentTypes = {
  text: 'text/plain; charset=UTF-8',
  json: 'application/json',
  prometheus: 'text/plain; version=0.0.4',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/** Rejects when the address is taken. */
export async function serveAdmin(
  view: AdminView,
  place: NonNullable<AdminView['bootstrap']['admin']>,
): Promise<AdminServer> {
  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 5_000, maxHeaderSize: 16 * 1024 },
    (request, response) => {
      const { status, type, body } = answer(view, request);
      send(response, status, contentTypes[type], body);
    },
  );
  server.maxConnections = 256;
  await listen(server, place);
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : 0,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function answer(view: AdminView, request: IncomingMessage): AdminAnswer {
  const refused = refusal(request);
  if (refused !== null) return { status: 403, type: 'text', body: `${refused}\n` };
  const [path = '', ...rest] = (request.url ?? '/').split('?');
  const endpoint = endpoints.find((one) => one.path === path);
  if (path === '/') return { status: 200, type: 'text', body: helpText() };
  if (endpoint === undefined) return { status: 404, type: 'text', body: `invalid path. ${helpText()}` };
  // What only tells may be asked for by any method, as in Envoy.
  if (endpoint.method === 'POST' && request.method !== 'POST') {
    return { status: 405, type: 'text', body: `Method ${request.method} not allowed, POST required.` };
  }
  return endpoint.answer(view, {
    parameters: new URLSearchParams(rest.join('?')),
    accept: request.headers.accept ?? '',
  });
}

/** A page of another site can make a browser send requests here, but not with our Host, nor a POST without its Origin. */
function refusal({ headers }: IncomingMessage): string | null {
  const host = headers.host ?? '';
  const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  if (name !== 'localhost' && isIP(name) === 0)
    return `host ${JSON.stringify(name)} is not served here (hint: use 127.0.0.1)`;
  if (headers.origin !== undefined && headers.origin !== `http://${host}`)
    return 'requests from other origins are not served';
  return null;
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  const headers = {
    'content-type': contentType,
    'cache-control': 'no-cache, max-age=0',
    'x-content-type-options': 'nosniff',
  };
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

function listen(server: Server, place: NonNullable<AdminView['bootstrap']['admin']>): Promise<void> {
  const { name, options } =
    'path' in place
      ? { name: place.path, options: { path: place.path } }
      : { name: `${place.address}:${place.port}`, options: { host: place.address, port: place.port } };
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(new Error(`admin cannot listen on ${name}: ${error.message} (hint: admin.address)`, { cause: error }));
    });
    server.listen(options, () => resolve());
  });
}
