// One case of the Gateway API suite: the request it sends, and everything in which the answer is not the one it wants.
import { request } from 'node:http';
import { type Echo, type EchoBackend, joined } from './echo-backend.ts';
import type { ConformanceCase, Sent } from './suite.ts';

/** Header names are lower case; repeated ones are joined by commas, as the suite writes them. */
export type Answer = { readonly status: number; readonly headers: Headers; readonly body: string };
type Headers = Readonly<Record<string, string>>;

/** Sends to `port`; `absolute`: as to a forward proxy. */
export async function send(
  { Request = {}, ...rest }: ConformanceCase,
  port: number,
  absolute: boolean,
): Promise<Answer> {
  const { Host = absolute ? 'echo' : 'example.com', Method = 'GET', Headers = {} } = Request;
  const asked = Object.entries(rest.BackendSetResponseHeaders ?? {}).map(([name, value]) => `${name}:${value}`);
  const headers: Record<string, string> = { host: Host, ...Headers };
  if (asked.length > 0) headers['x-echo-set-header'] = asked.join(',');
  const path = `${absolute ? `http://${Host}` : ''}${pathOf(Request)}`;
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, method: Method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: joined(response.rawHeaders),
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

function pathOf({ Path = '/', Query = {} }: Sent): string {
  const query = new URLSearchParams(
    Object.entries(Query).map(([key, value]): [string, string] => [key, known(key, value)]),
  );
  if (query.size === 0) return Path;
  return `${Path}${Path.includes('?') ? '&' : '?'}${query}`;
}

const known = (key: string, value: string): string => (key === 'uuid' ? crypto.randomUUID() : value);

/** Empty when the answer is right. */
export function differences(wanted: ConformanceCase, answer: Answer, namespace: string): readonly string[] {
  const { Response = {}, RedirectRequest, Backend } = wanted;
  const found = [
    ...differ('status', answer.status, Response.StatusCode ?? (RedirectRequest === undefined ? 200 : 302)),
    ...Object.entries(Response.Headers ?? {}).flatMap(([name, value]) =>
      differ(`response header ${name}`, answer.headers[name.toLowerCase()], value),
    ),
    ...(Response.AbsentHeaders ?? []).flatMap((name) =>
      differ(`response header ${name}`, answer.headers[name.toLowerCase()], undefined),
    ),
    ...(RedirectRequest === undefined ? [] : redirected(RedirectRequest, wanted.Request ?? {}, answer)),
  ];
  if (answer.status !== 200 || Backend === undefined) return found;
  return [
    ...found,
    ...received(wanted, JSON.parse(answer.body) as Echo, `${wanted.Namespace || namespace}/${Backend}`),
  ];
}

function differ(what: string, is: unknown, should: unknown): string[] {
  return is === should ? [] : [`${what}: ${JSON.stringify(is)} instead of ${JSON.stringify(should)}`];
}

function received(wanted: ConformanceCase, echo: Echo, backend: string): string[] {
  const { Request: sent = {}, ExpectedRequest = {} } = wanted;
  const { Path, Host = sent.Host, Headers = {} } = ExpectedRequest.Request ?? {};
  return [
    ...differ('backend', echo.backend, backend),
    ...differ('path', echo.path.split('?')[0], (Path ?? sent.Path ?? '/').split('?')[0]),
    ...(Host === undefined ? [] : differ('host', echo.host, Host)),
    ...Object.entries(Headers).flatMap(([name, value]) =>
      name === 'Host' ? [] : differ(`request header ${name}`, echo.headers[name.toLowerCase()], value),
    ),
    ...(ExpectedRequest.AbsentHeaders ?? []).flatMap((name) =>
      differ(`request header ${name}`, echo.headers[name.toLowerCase()], undefined),
    ),
  ];
}

/** A port that is not wanted may be the scheme's own or none. */
function redirected(
  wanted: NonNullable<ConformanceCase['RedirectRequest']>,
  sent: Sent,
  { headers }: Answer,
): string[] {
  const location = URL.parse(headers.location ?? '', `http://${sent.Host ?? 'example.com'}`);
  if (location === null) return [`location: ${headers.location}`];
  return [
    ...(wanted.Scheme === undefined ? [] : differ('scheme', location.protocol, `${wanted.Scheme}:`)),
    ...(wanted.Host === undefined ? [] : differ('redirect host', location.hostname, wanted.Host)),
    ...(wanted.Path === undefined ? [] : differ('redirect path', location.pathname, wanted.Path)),
    ...differ('redirect port', location.port, portOf(wanted.Port, wanted.Scheme ?? location.protocol.slice(0, -1))),
  ];
}

const OWN_PORT: Readonly<Record<string, string>> = { http: '80', https: '443' };
const portOf = (port: string | undefined, scheme: string): string => (port === OWN_PORT[scheme] ? '' : (port ?? ''));

/** Backends that should have got a copy and did not. */
export function unmirrored(
  { MirroredTo = [], Request = {} }: ConformanceCase,
  backends: readonly EchoBackend[],
): readonly string[] {
  return MirroredTo.map(({ BackendRef }) => `${BackendRef.Namespace}/${BackendRef.Name}`).filter(
    (name) => backends.find((one) => one.name === name)?.asked.includes(Request.Path ?? '/') !== true,
  );
}
