// The admin port: plain HTTP for people, probes and the mesh on this machine; not for web pages.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { type AdminAnswer, type AdminView, endpoints } from './endpoints.ts';

export type AdminServer = {
  /** The one in use, when 0 was asked for. */
  readonly port: number;
  close(): void;
};

const contentTypes = {
  text: 'text/plain; charset=UTF-8',
  json: 'application/json',
  prometheus: 'text/plain; version=0.0.4',
};

/** Rejects when the address is taken. */
export async function serveAdmin(
  view: AdminView,
  { address, port }: { address: string; port: number },
): Promise<AdminServer> {
  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 5_000, maxHeaderSize: 16 * 1024 },
    (request, response) => {
      const { status, type, body } = answer(view, request);
      send(response, status, contentTypes[type], body);
    },
  );
  server.maxConnections = 256;
  await listen(server, address, port);
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : port,
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
  const known = endpoints.filter((endpoint) => endpoint.path === path);
  if (known.length === 0) {
    const paths = [...new Set(endpoints.map((endpoint) => endpoint.path))].join(' ');
    return { status: 404, type: 'text', body: `no such path (hint: ${paths})\n` };
  }
  const endpoint = known.find(({ method }) => method === (request.method === 'HEAD' ? 'GET' : request.method));
  if (endpoint === undefined) return { status: 405, type: 'text', body: `${path} needs ${known[0]?.method}\n` };
  return endpoint.answer(view, new URLSearchParams(rest.join('?')));
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

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(
        new Error(`admin cannot listen on ${host}:${port}: ${error.message} (hint: admin.address)`, { cause: error }),
      );
    });
    server.listen({ host, port }, () => resolve());
  });
}
