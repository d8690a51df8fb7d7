// How the names of header fields are spelt on the wire: by rule, and as the other side spelt them.
import { expect, test } from 'vitest';
import { RawConnection } from '../support/raw-http.ts';
import { raw } from '../support/upstream.ts';
import { compareWithEnvoy } from './harness/compare.ts';
import type { Stand } from './harness/stand.ts';

const EXTENSION = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const proper = 'header_key_format: { proper_case_words: {} }';
const preserve = (more = '') =>
  `header_key_format: { stateful_formatter: { name: f, typed_config: { "@type": type.googleapis.com/envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig${more} } } }`;

const upstream = (name: string, options: string) =>
  `{ name: ${name}, type: STATIC, connect_timeout: 1s, typed_extension_protocol_options: { ${EXTENSION}: { "@type": type.googleapis.com/${EXTENSION}, ${options} } }, load_assignment: { cluster_name: ${name}, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <a> } } } }] }] } }`;
const explicit = (options: string) => `explicit_http_config: { http_protocol_options: { ${options} } }`;

const CLUSTERS = {
  proper: explicit(proper),
  preserving: explicit(preserve()),
  phrasing: explicit(preserve(', forward_reason_phrase: true, formatter_type_on_envoy_headers: PROPER_CASE')),
  following: `use_downstream_protocol_config: { http_protocol_options: { ${proper} } }`,
};
const LISTENERS = {
  front: '',
  proper,
  preserving: preserve(),
  owning: preserve(', formatter_type_on_envoy_headers: PROPER_CASE'),
};
const route = (name: string) => `{ match: { prefix: /${name} }, route: { cluster: ${name} } }`;

const ANSWER = 'HTTP/1.1 200 Quite Fine\r\nX-UP: 1\r\nETag: "x-y: z"\r\nx-Up: 2\r\nSet-COOKIE: a\r\n';
const ANSWERS = {
  sized: `${ANSWER}Content-LENGTH: 2\r\n\r\nok`,
  chunked: `${ANSWER}Transfer-ENCODING: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
};
const HEAD = 'HTTP/1.1\r\nHOST: x.test\r\nX-DOWN: 1\r\nUser-agent: me\r\nx-Down: 2\r\nuser_NAME.x: 3\r\n';
const REQUESTS = {
  GET: (path: string) => `GET ${path} ${HEAD}\r\n`,
  POST: (path: string) => `POST ${path} ${HEAD}Content-Length: 2\r\n\r\nhi`,
  chunked: (path: string) => `POST ${path} ${HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n`,
  closing: (path: string) => `GET ${path} ${HEAD}Connection: close\r\n\r\n`,
};

const PATHS = ['/a', '/direct', ...Object.keys(CLUSTERS).map((name) => `/${name}`)];
const CASES = Object.keys(LISTENERS).flatMap((listener) =>
  PATHS.flatMap((path) =>
    (Object.keys(REQUESTS) as (keyof typeof REQUESTS)[]).map((kind, i) => ({
      listener,
      path,
      kind,
      answer: i % 2 === 0 ? ('sized' as const) : ('chunked' as const),
    })),
  ),
);

/** Names as they were on the wire; which comes before which is for each proxy to choose. */
async function spelling(stand: Stand, { listener, path, kind, answer }: (typeof CASES)[number]) {
  for (const upstream of stand.upstreams) upstream.script([raw(ANSWERS[answer])]);
  using connection = await RawConnection.open(stand.portOf(listener));
  connection.send(REQUESTS[kind](path));
  const response = await connection.response({ method: kind === 'POST' || kind === 'chunked' ? 'POST' : 'GET' });
  const asked = stand.upstreams.find(({ name }) => name === 'a')!.received[0];
  const names = (headers: readonly (readonly [string, string])[]) => headers.map(([name]) => name).sort();
  return {
    asked: asked && names(asked.headers),
    phrase: response.startLine,
    told: names(response.headers),
  };
}

compareWithEnvoy(
  {
    name: 'header case',
    listeners: Object.fromEntries(
      Object.entries(LISTENERS).map(([name, options]) => [
        name,
        options === '' ? {} : { manager: `{ http_protocol_options: { ${options} } }` },
      ]),
    ),
    virtualHosts: `
- name: all
  domains: ['*']
  routes:
  - { match: { path: /direct }, direct_response: { status: 200, body: { inline_string: direct } } }
  - ${Object.keys(CLUSTERS).map(route).join('\n  - ')}
  - { match: { prefix: / }, route: { cluster: a } }`,
    clusters: `[${Object.entries(CLUSTERS)
      .map(([name, options]) => upstream(name, options))
      .join(', ')}]`,
    cases: [],
  },
  (pair) => {
    test.each(CASES)('$listener $path $kind', async (one) => {
      const [theirs, mine] = await Promise.all([pair().reference, pair().ours].map((stand) => spelling(stand, one)));
      expect(mine).toEqual(theirs);
    });

    test('Envoy spells as asked', async () => {
      const base = { kind: 'GET', answer: 'sized' } as const;
      const theirs = pair().reference;
      expect((await spelling(theirs, { ...base, listener: 'preserving', path: '/proper' })).asked).toContain('X-DOWN');
      expect((await spelling(theirs, { ...base, listener: 'front', path: '/proper' })).asked).toContain('X-Down');
      expect((await spelling(theirs, { ...base, listener: 'front', path: '/phrasing' })).told).toContain('ETag');
      expect((await spelling(theirs, { ...base, listener: 'proper', path: '/direct' })).told).toContain('Server');
    });
  },
);
