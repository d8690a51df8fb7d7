// Keys that name clients (api_key_auth): where they may stand, what routes say instead, what of them goes on.
import { type Case, get } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.api_key_auth.v3';
const filter = (fields: string): string => `[{ name: keys, typed_config: { "@type": ${TYPE}.ApiKeyAuth, ${fields} } }]`;
const perRoute = (fields: string): string =>
  `typed_per_filter_config: { keys: { "@type": ${TYPE}.ApiKeyAuthPerRoute, ${fields} } }`;
const credentials = 'credentials: [{ key: k1, client: ann }, { key: "k 2", client: bob }]';
const everywhere = 'key_sources: [{ header: Authorization }, { query: key }, { cookie: key }]';

const virtualHosts = `
- name: all
  domains: ["*"]
  routes:
    - { match: { prefix: /bob }, route: { cluster: a }, ${perRoute('allowed_clients: [bob]')} }
    - { match: { prefix: /others }, route: { cluster: a }, ${perRoute('credentials: [{ key: k3, client: eve }]')} }
    - { match: { prefix: /elsewhere }, route: { cluster: a }, ${perRoute('key_sources: [{ header: x-key }]')} }
    - { match: { prefix: /forwards }, route: { cluster: a }, ${perRoute('forwarding: { header: x-route-client }')} }
    - { match: { prefix: / }, route: { cluster: a } }
`;
const passes = (name: string, send: string, listener = 'front'): Case => ({
  name,
  listener,
  send,
  wants: { status: 200, reached: ['a'] },
});
const refused = (name: string, status: 401 | 403, send: string, listener = 'front'): Case => ({
  name,
  listener,
  send,
  wants: {
    status,
    reached: [],
    body: status === 401 ? 'Client authentication failed.' : 'Client is forbidden.',
  },
});

compareWithEnvoy({
  name: 'filters-keys',
  statistics: /api_key_auth/,
  listeners: {
    front: { filters: filter(`${credentials}, ${everywhere}`) },
    hides: {
      filters: filter(`${credentials}, ${everywhere}, forwarding: { header: X-Client, hide_credentials: true }`),
    },
    sourceless: { filters: filter(credentials) },
    keyless: { filters: filter(everywhere) },
  },
  virtualHosts,
  cases: [
    passes('a key in a header', get('/', 'authorization: k1')),
    passes('a key as a bearer', get('/', 'authorization: Bearer k1')),
    passes('a key in the query', get('/?a=1&key=k1')),
    passes('a coded key in the query', get('/?a=1&key=k%202')),
    passes('a key in a cookie', get('/', 'cookie: a=b; key=k1')),
    refused('a bearer of nothing, a key in the query', 401, get('/?key=k1', 'authorization: Bearer ')),
    passes('an empty header, a key in the query', get('/?key=k1', 'authorization: ')),
    refused('an unknown header, a key in the query', 401, get('/?key=k1', 'authorization: nobody')),
    refused('no key', 401, get('/')),
    refused('an unknown key', 401, get('/', 'authorization: k9')),
    refused('another scheme', 401, get('/', 'authorization: Basic k1')),
    refused('the first of several headers', 401, get('/', 'authorization: k9', 'authorization: k1')),
    passes('the first of several parameters', get('/?key=k1&key=k9')),
    refused('a bare parameter', 401, get('/?key')),
    passes('allowed', get('/bob', 'authorization: k 2')),
    refused('not allowed', 403, get('/bob', 'authorization: k1')),
    passes('credentials of a route', get('/others', 'authorization: k3')),
    refused('credentials of the chain for a route with its own', 401, get('/others', 'authorization: k1')),
    passes('sources of a route', get('/elsewhere', 'x-key: k1')),
    refused('sources of the chain for a route with its own', 401, get('/elsewhere', 'authorization: k1')),
    passes('who it is goes on, the header not', get('/', 'authorization: k1', 'x-client: forged'), 'hides'),
    passes('who it is goes on, the parameter not', get('/p?z=1&key=k1&b=2%20x&c&b=1'), 'hides'),
    passes('who it is goes on, the only parameter not', get('/p?key=k1'), 'hides'),
    passes('who it is goes on, the cookie not', get('/', 'cookie: a=b; key=k1; c=d', 'cookie: e=f'), 'hides'),
    passes('who it is goes on, the only cookie not', get('/', 'cookie: key=k1'), 'hides'),
    passes('a route forwards otherwise', get('/forwards?key=k1'), 'hides'),
    refused('no sources', 401, get('/', 'authorization: k1'), 'sourceless'),
    passes('no sources but of the route', get('/elsewhere', 'x-key: k1'), 'sourceless'),
    refused('no credentials', 401, get('/', 'authorization: k1'), 'keyless'),
  ],
});
