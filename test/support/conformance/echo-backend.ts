// The echo backend of the Gateway API suite: answers with the request it got, and does what the request asks of it (headers, delays, failures).
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** What it answers with; header names are lower case. */
export type Echo = {
  readonly backend: string;
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly headers: Readonly<Record<string, string>>;
};

const MILLIS: Readonly<Record<string, number>> = { ms: 1, s: 1_000 };

export class EchoBackend implements Disposable {
  /** `<namespace>/<workload>` */
  readonly name: string;
  /** Paths it was asked for, newest last. */
  readonly asked: string[] = [];
  readonly #server: Server;
  /** By the `uuid` of a request: how often it was asked. */
  readonly #tries = new Map<string, number>();

  private constructor(name: string) {
    this.name = name;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(name: string): Promise<EchoBackend> {
    const backend = new EchoBackend(name);
    await new Promise<void>((resolve) => backend.#server.listen(0, '127.0.0.1', resolve));
    return backend;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  [Symbol.dispose](): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://echo');
    this.asked.push(url.pathname);
    await pause(delayOf(url));
    for (const [name, value] of asHeaders(request.headers['x-echo-set-header'])) response.appendHeader(name, value);
    response.writeHead(this.#statusOf(url), { 'content-type': 'application/json' });
    const { host = '', ...headers } = joined(request.rawHeaders);
    const echo: Echo = { backend: this.name, method: request.method ?? '', path: request.url ?? '', host, headers };
    response.end(JSON.stringify(echo));
  }

  #statusOf({ searchParams }: URL): number {
    const status = Number(searchParams.get('responseCode') ?? 200);
    const limit = searchParams.get('succeedAfter');
    const id = searchParams.get('uuid') ?? '';
    const tries = (this.#tries.get(id) ?? 0) + 1;
    this.#tries.set(id, tries);
    return limit !== null && tries > Number(limit) ? 200 : status;
  }
}

function delayOf({ searchParams }: URL): number {
  const [, number, unit = ''] = /^(\d+)(ms|s)$/.exec(searchParams.get('delay') ?? '') ?? [];
  return Number(number ?? 0) * (MILLIS[unit] ?? 0);
}

/** `name:value`, several separated by commas. */
function asHeaders(text: string | string[] | undefined): (readonly [string, string])[] {
  return String(text ?? '')
    .split(',')
    .filter((one) => one.includes(':'))
    .map((one) => [one.slice(0, one.indexOf(':')).trim(), one.slice(one.indexOf(':') + 1).trim()] as const);
}

/** Of pairs of names and values in one list. */
export function joined(raw: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase();
    headers[name] = headers[name] === undefined ? (raw[i + 1] ?? '') : `${headers[name]},${raw[i + 1]}`;
  }
  return headers;
}
