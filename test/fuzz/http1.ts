// HTTP/1 requests, against llhttp (the parser of node:http): whatever ours takes for a request, llhttp must take for the same one, with the
// same body. Ours may refuse more. Two parsers that disagree about where a request ends are how requests are smuggled.
import { createRequire } from 'node:module';
import { ManualClock } from '../../src/lib/manual-clock.ts';
import { TimerWheel } from '../../src/lib/timer-wheel.ts';
import { HeaderMap } from '../../src/proxy/http/headers.ts';
import { nobody } from '../../src/proxy/http/nobody.ts';
import type { StreamAcceptor } from '../../src/proxy/http/stream.ts';
import { defaultHttp1Options } from '../../src/proxy/http1/options.ts';
import { Http1ServerConnection } from '../../src/proxy/http1/server-connection.ts';
import { MemorySocket } from '../../src/proxy/testing/memory-socket.ts';
import type { Target } from './target.ts';

/**
 * What llhttp refuses and ours may read over, because it changes nothing about where a request ends and is not passed on: chunk extensions,
 * tabs around the name of a transfer coding (RFC 9110 section 5.5 takes them for white space).
 */
const HARMLESS: ReadonlySet<string> = new Set(['HPE_STRICT', 'HPE_INVALID_TRANSFER_ENCODING']);

type Parsed = { method: string; body: string; complete: boolean };

export const http1: Target = {
  name: 'http1',
  run(input) {
    const whole = ours([input]);
    const cut = input.length >> 1;
    const split = ours([input.subarray(0, cut), input.subarray(cut)]);
    if (JSON.stringify(whole) !== JSON.stringify(split)) throw new Error('it matters how the bytes were split');
    const { requests: theirs, refusal, upgrade } = llhttp(input);
    whole.forEach((request, i) => {
      if (i >= theirs.length && HARMLESS.has(refusal)) return;
      if (upgrade !== -1 && i >= upgrade) return;
      if (JSON.stringify(theirs[i]) !== JSON.stringify(request))
        throw new Error(`ours: ${JSON.stringify(request)}, llhttp: ${JSON.stringify(theirs[i])} ${refusal}`);
    });
  },
};

/** Complete requests up to the first that is refused or switches protocols. */
function ours(pieces: readonly Buffer[]): Parsed[] {
  const requests: Parsed[] = [];
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock, raise);
  let over = false;
  const acceptor: StreamAcceptor = {
    accept(stream, head, last) {
      const request: Parsed = { method: head.method, body: '', complete: last };
      const tunnel = head.upgrade !== '' || head.method === 'CONNECT';
      if (tunnel) over = true;
      if (!over) requests.push(request);
      const answer = () => stream.respond({ status: 204, headers: new HeaderMap() }, true);
      if (last || tunnel) answer();
      return {
        onData: (chunk) => {
          request.body += chunk.toString('latin1');
        },
        onEnd: () => {
          request.complete = true;
          answer();
        },
        onReadDone: () => undefined,
        onFault: () => stream.reset(),
        onAbort: () => undefined,
        onDrain: () => undefined,
        onBug: raise,
      };
    },
    refuse: (stream) => stream.respond({ status: 400, headers: new HeaderMap() }, true),
  };
  const socket = new MemorySocket();
  const limits = {
    maxHeadBytes: 16_384,
    maxHeaders: 100,
    http1: defaultHttp1Options,
    acceptHttp10: false,
    anyMethod: false,
    defaultHost: '',
    proxies100Continue: false,
    underscores: 'allow' as const,
    idleTimeout: 0,
    drainTimeout: 0,
    delayedCloseTimeout: 0,
    requestHeadersTimeout: 0,
    requestTimeout: 0,
    streamIdleTimeout: 0,
    maxStreamDuration: 0,
  };
  new Http1ServerConnection(socket, nobody, acceptor, limits, {
    clock,
    wheel,
    departures: { downstream_cx_idle_timeout: 0, downstream_cx_delayed_close_timeout: 0 },
    onClosed: () => undefined,
    onBug: raise,
  });
  for (const piece of pieces) socket.feed(piece);
  socket.destroy();
  return requests.filter(({ complete }) => complete);
}

type LlhttpParser = {
  initialize(type: number, resource: object): void;
  execute(bytes: Buffer): number | NodeJS.ErrnoException;
  close(): void;
  [callback: number]: unknown;
};
type LlhttpClass = {
  new (): LlhttpParser;
  readonly REQUEST: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
};

const { HTTPParser, methods } = createRequire(import.meta.url)('_http_common') as {
  HTTPParser: LlhttpClass;
  methods: readonly string[];
};

/**
 * `upgrade`: the request that asks for one, -1 without any. There llhttp hands over, and Node does not tell what it thought of the body; ours
 * reads on where it ignores the wish, and does not pass it on.
 */
function llhttp(input: Buffer): { requests: Parsed[]; refusal: string; upgrade: number } {
  const requests: Parsed[] = [];
  let upgrade = -1;
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.REQUEST, {});
  parser[HTTPParser.kOnHeadersComplete] = (...head: unknown[]) => {
    requests.push({ method: methods[head[3] as number] ?? '', body: '', complete: false });
    if (head[7] === true && upgrade === -1) upgrade = requests.length - 1;
    return 0;
  };
  parser[HTTPParser.kOnBody] = (chunk: Buffer) => {
    requests.at(-1)!.body += chunk.toString('latin1');
  };
  parser[HTTPParser.kOnMessageComplete] = () => {
    requests.at(-1)!.complete = true;
  };
  let left = input;
  let refusal = '';
  while (left.length > 0) {
    const read = parser.execute(left);
    if (typeof read !== 'number') refusal = read.code ?? read.message;
    if (typeof read !== 'number' || read === 0) break;
    left = left.subarray(read);
  }
  parser.close();
  return { requests: requests.filter(({ complete }) => complete), refusal, upgrade };
}

function raise(error: unknown): never {
  throw error;
}
