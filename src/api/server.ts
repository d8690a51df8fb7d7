// The control plane's HTTP server: the API, its events, and the dashboard's files. Loopback only, read only.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { Scraper } from '../telemetry/scrape.ts';
import { TelemetryStore } from '../telemetry/store.ts';
import { endpoints, graph, LIVE_WINDOW, type Mesh, objects, problems, proxies } from './endpoints.ts';
import { EventStream } from './events.ts';
import { refuse } from './guard.ts';
import type { MeshView } from './mesh-view.ts';
import { ApiError, matchPath } from './question.ts';
import { scrapeTargets } from './scrape-targets.ts';
import { loadStaticFiles, type StaticFile } from './static-files.ts';

export type ApiOptions = {
  readonly view: MeshView;
  readonly clock: Clock;
  readonly log: Log;
  /** 0 takes any free port. */
  readonly port: number;
  /** The built dashboard; a folder that does not exist serves none. */
  readonly dashboard: string;
  readonly version: string;
  /** The control plane's own metrics, in Prometheus' text format. */
  readonly metrics: () => string;
};

/** Resolves once it listens and telemetry is collected; rejects when the port is taken (`EADDRINUSE`). */
export async function startApi(options: ApiOptions): Promise<ApiServer> {
  const files = await loadStaticFiles(options.dashboard);
  const api = new ApiServer(options, files);
  await api.listen(options.port);
  return api;
}

export class ApiServer {
  readonly store = new TelemetryStore();
  readonly #scraper: Scraper;
  readonly #events: EventStream;
  readonly #server: Server;
  readonly #files: ReadonlyMap<string, StaticFile>;
  readonly #mesh: Mesh;
  readonly #metrics: () => string;
  readonly #log: Log;
  readonly #unsubscribe: () => void;

  constructor({ view, clock, log, version, metrics }: ApiOptions, files: ReadonlyMap<string, StaticFile>) {
    const scraper = new Scraper({
      targets: scrapeTargets(view),
      store: this.store,
      clock,
      onRound: () => this.#events.tick(),
    });
    const mesh: Mesh = { view, store: this.store, scrapeError: (nodeId) => scraper.error(nodeId), version };
    this.#scraper = scraper;
    this.#mesh = mesh;
    this.#files = files;
    this.#metrics = metrics;
    this.#log = log;
    this.#events = new EventStream({
      graph: () => graph(mesh, LIVE_WINDOW),
      objects: () => objects(view),
      problems: () => problems(view),
      proxies: () => proxies(mesh),
    });
    this.#unsubscribe = view.onChange(() => this.#events.changed());
    this.#server = createServer({ maxHeaderSize: 16_384, requestTimeout: 10_000 }, (request, response) => {
      void this.#serve(request, response);
    });
    this.#server.maxConnections = 256;
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', resolve);
    });
    this.#scraper.start();
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** `http://127.0.0.1:7080` */
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async close(): Promise<void> {
    this.#scraper.close();
    this.#unsubscribe();
    this.#events.close();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    try {
      const refusal = refuse(request, this.port);
      if (refusal !== null) throw new ApiError(refusal.status, refusal.error, refusal.hint);
      await this.#route(new URL(`http://localhost${request.url ?? '/'}`), response);
    } catch (error) {
      if (!(error instanceof ApiError)) this.#log.error({ error, url: request.url }, 'the api failed to answer');
      sendError(response, error);
    }
  }

  async #route(url: URL, response: ServerResponse): Promise<void> {
    const { pathname } = url;
    if (pathname === '/api/v1/events') {
      if (!this.#events.connect(response)) throw new ApiError(503, 'too many event streams', 'close a dashboard');
      return;
    }
    if (pathname === '/metrics') return send(response, 200, 'text/plain; version=0.0.4', this.#metrics());
    const file = this.#files.get(pathname);
    if (file !== undefined) {
      response.setHeader('cache-control', file.cache);
      return send(response, 200, file.type, file.body);
    }
    if (pathname === '/') throw new ApiError(404, 'the dashboard is not built', 'npm run build:dashboard');
    for (const endpoint of endpoints) {
      const question = matchPath(endpoint.path, url);
      if (question !== null) return sendJson(response, 200, await endpoint.answer(this.#mesh, question));
    }
    throw new ApiError(404, `there is nothing at ${pathname.slice(0, 200)}`, 'the API is below /api/v1/');
  }
}

/** Everything comes from this server; nothing may frame it or be guessed by type. */
const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; worker-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

function send(response: ServerResponse, status: number, type: string, body: string | Buffer): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.setHeader('cache-control', 'no-store');
  send(response, status, 'application/json', JSON.stringify(value));
}

/** Anything but an ApiError is a bug of ours: the client is told no more than that. */
function sendError(response: ServerResponse, error: unknown): void {
  if (response.headersSent) return void response.destroy();
  const { status, message, hint } =
    error instanceof ApiError ? error : new ApiError(500, 'the control plane failed to answer', 'its log says why');
  sendJson(response, status, { error: message, hint });
}
