// Everything seen of one case at one proxy, in a form two proxies can be compared in.
import { networkInterfaces } from 'node:os';
import { StreamEnded } from '../../support/byte-reader.ts';
import type { WireHeaders } from '../../support/http-message.ts';
import { RawConnection, TruncatedResponse } from '../../support/raw-http.ts';
import type { ReceivedRequest } from '../../support/upstream.ts';
import type { Case, Outcome } from './case.ts';
import type { Stand } from './stand.ts';

export type Observation = {
  readonly responses: readonly SeenResponse[];
  /** Whether the connection was closed after the last response; null when the case does not ask. */
  readonly closed: boolean | null;
  readonly upstreams: readonly SeenRequest[];
};

type SeenResponse = {
  readonly status: Outcome;
  readonly version: string;
  /** `name: value`, sorted by name; values of one name keep their order. */
  readonly headers: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[];
  readonly interim: readonly number[];
};

export type SeenRequest = {
  readonly upstream: string;
  readonly startLine: string;
  readonly headers: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[];
};

/** `id` replaces `<case>` in what is sent; `requests` is how many are to reach the upstreams. */
export async function observe(
  stand: Stand,
  one: Case,
  id: string,
  requests = one.wants.reached?.length ?? 0,
): Promise<Observation> {
  for (const upstream of stand.upstreams) upstream.script(one.script?.[upstream.name]);
  const parts = (typeof one.send === 'string' ? [one.send] : one.send).map((part) =>
    stand.withPorts(part.replaceAll('<case>', id)),
  );
  const client = await RawConnection.open(stand.portOf(one.listener ?? 'front'), one.tls?.(stand.certificates)).catch(
    () => null,
  );
  if (client === null) return { responses: [nothing('closed')], closed: null, upstreams: [] };
  using connection = client;
  const responses: SeenResponse[] = [];
  if (one.pipelined === true) connection.send(parts.join(''));
  for (const part of parts) {
    if (one.pipelined !== true) connection.send(part);
    const response = await respond(stand, connection, part);
    responses.push(response);
    if (typeof response.status === 'string') break;
  }
  const closed = one.closes === true ? await isClosed(connection) : null;
  stand.assertAlive();
  await stand.hear(requests);
  return {
    responses,
    closed,
    upstreams: stand.upstreams.flatMap(({ name, received }) =>
      received.map((request, nth) => seen(stand, name, request, nth)),
    ),
  };
}

/** How a response ended that never was one. */
async function respond(stand: Stand, connection: RawConnection, part: string): Promise<SeenResponse> {
  try {
    const response = await connection.response({ method: part.slice(0, part.indexOf(' ')) });
    return {
      status: response.status,
      version: response.version,
      headers: comparable(stand, response.headers),
      body: stand.withoutPorts(response.body),
      trailers: comparable(stand, response.trailers),
      interim: response.interim,
    };
  } catch (error) {
    if (error instanceof TruncatedResponse) return nothing(`${error.status} cut`);
    if (error instanceof StreamEnded) return nothing('closed');
    throw error;
  }
}

async function isClosed(connection: RawConnection): Promise<boolean> {
  const { unread } = await connection.closed();
  if (unread !== '') throw new Error(`bytes after the last response: ${JSON.stringify(unread)}`);
  return true;
}

function nothing(status: Outcome): SeenResponse {
  return { status, version: '', headers: [], body: '', trailers: [], interim: [] };
}

export function seen(stand: Stand, upstream: string, request: ReceivedRequest, nth: number): SeenRequest {
  const headers = comparable(stand, request.headers);
  return {
    upstream,
    startLine: stand.withoutPorts(request.startLine),
    // What is left of the timeout on a later attempt depends on how long the earlier ones took.
    headers:
      nth === 0 ? headers : headers.map((line) => line.replace(/^(x-envoy-expected-rq-timeout-ms:) \d+$/, '$1 <rest>')),
    body: request.body,
    trailers: comparable(stand, request.trailers),
  };
}

/** For a peer on loopback Envoy forwards an address of its machine instead (ConnectionManagerUtility): that says nothing of the proxy. */
const OWN_ADDRESS =
  Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.family === 'IPv4' && !one.internal)?.address ?? '127.0.0.1';

/** Values that differ from run to run: their form is compared, not their content. */
const VOLATILE: Readonly<Record<string, readonly [form: RegExp, shown: string]>> = {
  date: [/^\w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT$/, '<date>'],
  'x-request-id': [/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/, '<uuid>'],
  'x-envoy-upstream-service-time': [/^\d+$/, '<milliseconds>'],
  // A hash policy makes it of the ports of the connection.
  'set-cookie': [/(?<=^session=")[0-9a-f]{16}(?=")/, '<hash>'],
};

export function comparable(stand: Stand, headers: WireHeaders): string[] {
  return headers
    .map(([name, value]): [string, string] => [name.toLowerCase(), value])
    .map(([name, value]): [string, string] => {
      const volatile = VOLATILE[name];
      if (volatile?.[0].test(value) === true) return [name, value.replace(volatile[0], volatile[1])];
      if (name === 'x-forwarded-port') return [name, stand.withoutPorts(`:${value}`)];
      return [name, stand.withoutPorts(value).replaceAll(OWN_ADDRESS, '127.0.0.1')];
    })
    .sort(([a], [b]) => (a < b ? -1 : Number(a > b)))
    .map(([name, value]) => `${name}: ${value}`);
}
