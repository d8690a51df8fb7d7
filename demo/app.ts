// Every service of the demo shop is this one program; a Deployment's environment says what it does (see demo/README.md).
// It speaks plain HTTP to its own proxy and uses nothing but node:http, so that a dozen of them start in a blink.
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

type Call = { readonly method: string; readonly url: string };
type Route = { readonly method: string; readonly path: string; readonly calls: readonly Call[] };
type Answer = { readonly status: number; readonly body: unknown };

const env = process.env;
const workload = env.TULLE_WORKLOAD ?? env.HOSTNAME ?? 'app';
const version = env.TULLE_VERSION ?? '';
const serviceName = env.SERVICE ?? workload;
const delay = Number(env.DELAY ?? 0);
const failEvery = Number(env.FAIL_EVERY ?? 0);
const rate = Number(env.RATE ?? 1);

const routes = parseRoutes(env.CALLS ?? '');
const visits = (env.VISITS ?? '').split('\n').flatMap((line) => parseCall(line));
const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
let served = 0;

if (env.PORT) http.createServer(serve).listen(Number(env.PORT), '127.0.0.1');
if (visits.length > 0) void visitForever();
process.on('SIGTERM', () => process.exit(0));

async function serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  request.resume();
  served += 1;
  const turn = served;
  if (delay > 0) await sleep(delay);
  const { status, body } = failEvery > 0 && turn % failEvery === 0 ? flaw() : await answer(request);
  response.writeHead(status, { 'content-type': 'application/json', 'x-served-by': workload });
  response.end(`${JSON.stringify(body)}\n`);
}

async function answer(request: http.IncomingMessage): Promise<Answer> {
  const path = (request.url ?? '/').split('?')[0] ?? '/';
  const route = routes.find(({ method, path: prefix }) => method === request.method && path.startsWith(prefix));
  const answers = await Promise.all((route?.calls ?? []).map((call) => send(call, request.headers)));
  const failed = answers.some(({ status }) => status === 0 || status >= 400);
  const body = { name: serviceName, version, path, called: answers.map(({ body }) => body) };
  return { status: failed ? 502 : 200, body };
}

const flaw = (): Answer => ({ status: 503, body: { name: serviceName, version, error: 'flaky on purpose' } });

/** Never rejects: status 0 is "no answer". */
function send({ method, url }: Call, incoming: http.IncomingHttpHeaders): Promise<Answer> {
  return new Promise((resolve) => {
    const lost = (error: Error): void => resolve({ status: 0, body: { url, error: error.message } });
    const request = http.request(url, { method, agent, headers: passedOn(incoming) }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: parseBody(url, response, text) }));
      response.on('error', lost);
    });
    request.on('error', lost).end();
  });
}

/** What ties the spans of one visit together; an application passes it on, a proxy cannot. */
function passedOn(incoming: http.IncomingHttpHeaders): http.OutgoingHttpHeaders {
  const names = ['x-request-id', 'traceparent', 'tracestate', 'x-client'];
  return Object.fromEntries(names.flatMap((name) => (incoming[name] === undefined ? [] : [[name, incoming[name]]])));
}

function parseBody(url: string, response: http.IncomingMessage, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return { url, status: response.statusCode, error: text.trim() };
  }
}

/** One visit every 1/RATE seconds, each to the next line of VISITS; a slow answer does not hold up the next visit. */
async function visitForever(): Promise<void> {
  for (let turn = 0; ; turn += 1) {
    const call = visits[turn % visits.length] as Call;
    void send(call, {});
    await sleep(1000 / rate);
  }
}

/** Lines of `METHOD /path  service/path service/path …`; the calls use the method of their line. */
function parseRoutes(text: string): Route[] {
  return text.split('\n').flatMap((line) => {
    const [method, path, ...targets] = line.trim().split(/\s+/);
    if (!method || !path) return [];
    return [{ method, path, calls: targets.map((target) => ({ method, url: address(target) })) }];
  });
}

/** `METHOD service/path` or `METHOD http://host:port/path`. */
function parseCall(line: string): Call[] {
  const [method, target] = line.trim().split(/\s+/);
  return method && target ? [{ method, url: address(target) }] : [];
}

/** `catalog/items` → the address of the proxy's listener for catalog where one is given, else the service's name (as in a cluster). */
function address(target: string): string {
  if (target.includes('://')) return target;
  const slash = target.indexOf('/');
  const service = target.slice(0, slash);
  const base = env[`${service.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}_URL`] ?? `http://${service}`;
  return base + target.slice(slash);
}
