// The admin port: plain HTTP for people, probes and the mesh on this machine; not for web pages.
// It speaks through the proxy's own codec: Node's costs 17 MB and a tenth of the time it takes to start.
import { type AddressInfo, createServer, isIP, type Server, type Socket } from 'node:net';
import { TimerWheel } from '../../lib/timer-wheel.ts';
import type { AdminPlace } from '../bootstrap/admin.ts';
import type { Downstream } from '../http/exchange.ts';
import { HeaderMap } from '../http/headers.ts';
import type { RequestHead } from '../http/message.ts';
import { nobody } from '../http/nobody.ts';
import type { ServerStream, StreamAcceptor } from '../http/stream.ts';
import { defaultHttp1Options } from '../http1/options.ts';
import { Http1ServerConnection } from '../http1/server-connection.ts';
import { type AdminAnswer, type AdminView, COLLECTED, endpoints, helpText } from './endpoints.ts';

export type AdminServer = {
  /** The one in use, when 0 was asked for. */
  readonly port: number;
  /** As Envoy writes it: `127.0.0.1:15000`, `[::1]:15000`, or a path. */
  readonly address: string;
  close(): void;
};

const contentTypes = {
  text: 'text/plain; charset=UTF-8',
  json: 'application/json',
  prometheus: 'text/plain; version=0.0.4',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

const limits = {
  maxHeadBytes: 16 * 1024,
  maxHeaders: 100,
  http1: defaultHttp1Options,
  acceptHttp10: true,
  anyMethod: false,
  defaultHost: 'localhost',
  proxies100Continue: false,
  underscores: 'allow' as const,
  idleTimeout: 60_000,
  drainTimeout: 0,
  delayedCloseTimeout: 1_000,
  requestHeadersTimeout: 5_000,
  requestTimeout: 10_000,
  streamIdleTimeout: 0,
  maxStreamDuration: 0,
};

/** Rejects when the address is taken. */
export async function serveAdmin(view: AdminView, place: AdminPlace): Promise<AdminServer> {
  const departures = { downstream_cx_idle_timeout: 0, downstream_cx_delayed_close_timeout: 0 };
  const connections = new Set<Http1ServerConnection>();
  const wheel = new TimerWheel(view.clock, view.onFault);
  const server = createServer({ noDelay: true }, (socket) => {
    const connection = new Http1ServerConnection(socket, downstreamOf(socket), acceptor(view), limits, {
      clock: view.clock,
      wheel,
      departures,
      onClosed: () => connections.delete(connection),
      onBug: view.onFault,
    });
    connections.add(connection);
  });
  server.maxConnections = 256;
  await listen(server, place);
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : 0,
    address: typeof bound === 'object' && bound !== null ? hostAndPort(bound) : String(bound),
    close() {
      server.close();
      for (const connection of connections) connection.destroy();
    },
  };
}

function hostAndPort({ address, port }: AddressInfo): string {
  return isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}

function downstreamOf({ remoteAddress = '', remotePort = 0, localAddress = '', localPort = 0 }: Socket): Downstream {
  const remote = { address: remoteAddress, port: remotePort };
  const local = { address: localAddress, port: localPort };
  return { ...nobody, remote, directRemote: remote, local, listener: { ...nobody.listener, name: 'admin' } };
}

/** Bodies of requests are read and dropped. */
function acceptor(view: AdminView): StreamAcceptor {
  return {
    accept(stream, head, last) {
      let gone = false;
      const reply = (): void =>
        whenCollected(view, head.path, () => {
          if (!gone) send(stream, guardedAnswer(view, head));
        });
      if (last) reply();
      const onAbort = (): void => {
        gone = true;
      };
      return { ...quiet, onEnd: reply, onAbort, onBug: view.onFault };
    },
    refuse(stream, { status, body }) {
      send(stream, { status, type: 'text', body });
    },
  };
}

/** Answers at once where nobody has to be asked first. */
function whenCollected(view: AdminView, path: string, reply: () => void): void {
  const collected = COLLECTED.has(path.replace(/\?.*$/, '')) ? view.collect() : null;
  if (collected === null) reply();
  else void collected.then(reply);
}

const ignore = (): void => undefined;
const quiet = { onData: ignore, onReadDone: ignore, onFault: ignore, onAbort: ignore, onDrain: ignore };

/** A fault of ours ends this request; the process counts it. */
function guardedAnswer(view: AdminView, request: RequestHead): AdminAnswer {
  try {
    return answer(view, request);
  } catch (error) {
    view.onFault(error);
    return { status: 500, type: 'text', body: 'internal error\n' };
  }
}

function answer(view: AdminView, request: RequestHead): AdminAnswer {
  const refused = refusal(request);
  if (refused !== null) return { status: 403, type: 'text', body: `${refused}\n` };
  const allows = view.bootstrap.admin?.allows ?? null;
  if (allows !== null && !allows(request.path))
    return { status: 403, type: 'text', body: `request to path ${request.path} not allowed` };
  const [path = '', ...rest] = request.path.split('?');
  const endpoint = endpoints.find((one) => one.path === path);
  if (path === '/') return { status: 200, type: 'text', body: helpText() };
  if (endpoint === undefined) return { status: 404, type: 'text', body: `invalid path. ${helpText()}` };
  // What only tells may be asked for by any method, as in Envoy.
  if (endpoint.method === 'POST' && request.method !== 'POST') {
    return { status: 405, type: 'text', body: `Method ${request.method} not allowed, POST required.` };
  }
  return endpoint.answer(view, {
    parameters: new URLSearchParams(rest.join('?')),
    accept: request.headers.get('accept') ?? '',
  });
}

/** A page of another site can make a browser send requests here, but not with our Host, nor a POST without its Origin. */
function refusal({ authority: host, headers }: RequestHead): string | null {
  const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  if (name !== 'localhost' && isIP(name) === 0)
    return `host ${JSON.stringify(name)} is not served here (hint: use 127.0.0.1)`;
  const origin = headers.get('origin');
  if (origin !== undefined && origin !== `http://${host}`) return 'requests from other origins are not served';
  return null;
}

function send(stream: ServerStream, { status, type, body }: AdminAnswer): void {
  const bytes = Buffer.from(body);
  const headers = new HeaderMap([
    ...['content-type', contentTypes[type], 'cache-control', 'no-cache, max-age=0'],
    ...['x-content-type-options', 'nosniff', 'content-length', String(bytes.length)],
  ]);
  stream.respond({ status, headers }, false);
  stream.write(bytes);
  stream.finish(null);
  stream.flush();
}

function listen(server: Server, place: AdminPlace): Promise<void> {
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
