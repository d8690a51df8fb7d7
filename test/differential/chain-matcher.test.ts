// filter_chain_matcher and the matchers of network RBAC: what they may ask about a connection, and which chain or decision they lead to.
import { asks, chain, filters, GET, LISTENER_FILTER, list, NETWORK, proxied, row, secure } from './harness/chains.ts';
import { type ConnectionCase, compareConnections } from './harness/connections.ts';
import { talk } from './harness/talk.ts';

const TYPE = 'type.googleapis.com';
const INPUT = `${TYPE}/envoy.extensions.matching.common_inputs.network.v3`;
const TLS = `${LISTENER_FILTER}.tls_inspector.v3.TlsInspector`;
const HTTP = `${LISTENER_FILTER}.http_inspector.v3.HttpInspector`;
const PROXY = `${LISTENER_FILTER}.proxy_protocol.v3.ProxyProtocol`;

const input = (type: string, fields = '') =>
  `input: { name: i, typed_config: { "@type": ${INPUT}.${type}${fields === '' ? '' : `, ${fields}`} } }`;
const to = (name: string) =>
  `{ action: { name: a, typed_config: { "@type": ${TYPE}/google.protobuf.StringValue, value: ${name} } } }`;
const tree = (asked: string, type: 'exact_match_map' | 'prefix_match_map', entries: Readonly<Record<string, string>>) =>
  `{ matcher_tree: { ${asked}, ${type}: { map: { ${Object.entries(entries)
    .map(([key, next]) => `"${key}": ${next}`)
    .join(', ')} } } } }`;
const within = (asked: string, type: string, fields: string) =>
  `{ matcher_tree: { ${asked}, custom_match: { name: c, typed_config: { "@type": ${TYPE}/xds.type.matcher.v3.${type}, ${fields} } } } }`;
const domains = (next: string, ...names: string[]) => `{ domains: ${JSON.stringify(names)}, on_match: ${next} }`;
const range = (prefix: string, length: number, next: string) =>
  `{ ranges: [{ address_prefix: ${prefix}, prefix_len: ${length} }], on_match: ${next} }`;
const named = (name: string) => chain(name, '').replace('{ filter_chain_match: {  }', `{ name: ${name}`);
const namedSecure = (name: string) => secure(name, '').replace('{ filter_chain_match: {  }', `{ name: ${name}`);

/** A listener whose connections a matcher gives to the chains of these names. */
function matched(
  inspectors: readonly string[],
  matcher: string,
  chains: readonly string[],
  fallback: string | null = 'fallback',
): string {
  return `${inspectors.length === 0 ? '' : filters(...inspectors)}
filter_chain_matcher: ${matcher}
${list(...chains.map((one) => (one.startsWith('{') ? one : named(one))))}
${fallback === null ? '' : `default_filter_chain: ${named(fallback)}`}`;
}

const serverNames = within(
  input('ServerNameInput'),
  'ServerNameMatcher',
  `domain_matchers: [${domains(to('wide'), '*.example')}, ${domains(to('narrow'), '*.shop.example', 'other.test')}, ${domains(to('exact'), 'a.shop.example')}, ${domains(`{ matcher: ${tree(input('SourcePortInput'), 'exact_match_map', { 1: to('exact') })} }`, 'fails.shop.example', '*.fails.example')}, ${domains(to('any'), '*')}]`,
);

const rbacAction = (name: string, action = 'ALLOW') =>
  `{ action: { name: a, typed_config: { "@type": ${TYPE}/envoy.config.rbac.v3.Action, name: ${name}, action: ${action} } } }`;
const rbac = (name: string, fields: string) =>
  `${filters(TLS)}
filter_chains: [{ filters: [{ name: f, typed_config: { "@type": ${NETWORK}.rbac.v3.RBAC, stat_prefix: ${name}_, ${fields} } }, { name: e, typed_config: { "@type": ${NETWORK}.echo.v3.Echo } }] }]`;

const listeners: Readonly<Record<string, string>> = {
  domains: matched([TLS], serverNames, ['wide', 'narrow', 'exact', 'any'].map(namedSecure)),
  transport: matched([TLS], tree(input('TransportProtocolInput'), 'exact_match_map', { raw_buffer: to('plain') }), [
    'plain',
  ]).replace(named('fallback'), namedSecure('fallback')),
  protocols: matched(
    [HTTP],
    tree(input('ApplicationProtocolInput'), 'exact_match_map', { "'http/1.1'": to('one'), "'h2c'": to('two') }),
    ['one', 'two'],
  ),
  sources: matched(
    [PROXY],
    within(
      input('SourceIPInput'),
      'IPMatcher',
      `range_matchers: [${range('10.0.0.0', 8, to('ten'))}, ${range('10.1.0.0', 16, `{ matcher: ${tree(input('SourcePortInput'), 'exact_match_map', { 7: to('port') })} }`)}]`,
    ),
    ['ten', 'port'],
  ),
  local: matched([PROXY], tree(input('SourceTypeInput'), 'exact_match_map', { local: to('local') }), ['local']),
  destinations: matched(
    [PROXY],
    `{ matcher_list: { matchers: [{ predicate: { and_matcher: { predicate: [{ single_predicate: { ${input('DestinationPortInput')}, value_match: { exact: "443" } } }, { single_predicate: { ${input('DestinationIPInput')}, value_match: { prefix: "10." } } }] } }, on_match: ${to('both')} }, { predicate: { single_predicate: { ${input('DirectSourceIPInput')}, value_match: { exact: 127.0.0.2 } } }, on_match: ${to('never')} }] }, on_no_match: ${to('rest')} }`,
    ['both', 'never', 'rest'],
  ),
  absent: matched([PROXY], tree(input('DestinationPortInput'), 'exact_match_map', { 443: to('nowhere') }), ['some']),
  alone: matched([PROXY], tree(input('DestinationPortInput'), 'exact_match_map', { 443: to('some') }), ['some'], null),
  permitted: rbac(
    'permitted',
    `matcher: ${tree(input('SourceIPInput'), 'exact_match_map', { '127.0.0.1': rbacAction('p') })}`,
  ),
  prohibited: rbac(
    'prohibited',
    `matcher: ${tree(input('SourceIPInput'), 'prefix_match_map', { '127.': rbacAction('d', 'DENY') })}`,
  ),
  prefixed: rbac(
    'prefixed',
    `shadow_rules_stat_prefix: dry, shadow_matcher: ${tree(input('DirectSourceIPInput'), 'exact_match_map', { '10.0.0.1': rbacAction('p') })}`,
  ),
  shadowed: rbac(
    'shadowed',
    `shadow_matcher: ${tree(input('DirectSourceIPInput'), 'exact_match_map', { '10.0.0.1': rbacAction('p') })}`,
  ),
};

/** What passes RBAC and is counted. */
const judged = (listener: string, counter: string, received: string): ConnectionCase => ({
  name: `RBAC: ${counter} by a matcher, ${listener}`,
  async run(stand) {
    const lines = [{ send: 'hello' }, ...(received === '' ? [] : [{ hear: /hello/ }, { end: true as const }])];
    const talked = await talk(stand.port(listener), lines);
    return { received: talked.received, counted: await stand.stat(`${listener}_.rbac.${counter}`, 1) };
  },
  wants: { received, counted: 1 },
});

const cases: ConnectionCase[] = [
  row('exact name', 'domains', [GET], 'exact', asks('a.shop.example')),
  row('the name of another wildcard', 'domains', [GET], 'narrow', asks('other.test')),
  row('longest suffix', 'domains', [GET], 'narrow', asks('b.shop.example')),
  row('a name whose matcher fails', 'domains', [GET], 'narrow', asks('fails.shop.example')),
  row('a suffix whose matcher fails', 'domains', [GET], 'wide', asks('x.fails.example')),
  row('suffix', 'domains', [GET], 'wide', asks('x.y.example')),
  row('any name', 'domains', [GET], 'any', asks('elsewhere.test')),
  row('no name: the default chain', 'domains', [{ send: 'plain' }], 'fallback'),
  row('plain text', 'transport', [{ send: 'plain' }], 'plain'),
  row('TLS', 'transport', [GET], 'fallback', asks('a.test')),
  row('HTTP/1.1', 'protocols', [{ send: 'GET / HTTP/1.1\r\n' }], 'one'),
  row('HTTP/2', 'protocols', [{ send: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' }], 'two'),
  row('no HTTP', 'protocols', [{ send: 'SSH-2.0-client\r\n' }], 'fallback'),
  row('source range', 'sources', proxied('10.2.0.1', '9.0.0.1'), 'ten'),
  row('narrower range and port', 'sources', proxied('10.1.0.1', '9.0.0.1', 7), 'port'),
  row('what follows the narrower range does not match', 'sources', proxied('10.1.0.1', '9.0.0.1', 8), 'ten'),
  row('no source range', 'sources', proxied('11.1.0.1', '9.0.0.1', 7), 'fallback'),
  row('local', 'local', proxied('127.0.0.1', '9.0.0.1'), 'local'),
  row('its own address', 'local', proxied('9.0.0.1', '9.0.0.1'), 'local'),
  row('external', 'local', proxied('127.0.0.5', '9.0.0.1'), 'fallback'),
  row('destination port and address', 'destinations', proxied('1.1.1.1', '10.0.0.1', 1, 443), 'both'),
  row('another destination', 'destinations', proxied('1.1.1.1', '11.0.0.1', 1, 443), 'rest'),
  row('a chain that is not there', 'absent', proxied('1.1.1.1', '10.0.0.1', 1, 443), ''),
  row('no match: the default chain', 'absent', proxied('1.1.1.1', '10.0.0.1', 1, 80), 'fallback'),
  {
    name: 'no match and no default chain',
    async run(stand) {
      const { received } = await talk(stand.port('alone'), proxied('1.1.1.1', '10.0.0.1', 1, 80));
      return { received, counted: await stand.stat('listener.alone.no_filter_chain_match', 1) };
    },
    wants: { received: '', counted: 1 },
  },
  judged('permitted', 'allowed', 'hello'),
  judged('prohibited', 'denied', ''),
  judged('shadowed', 'shadow_denied', 'hello'),
  judged('prefixed', 'dry.shadow_denied', 'hello'),
];

compareConnections({ name: 'filter_chain_matcher', certificates: true, listeners, cases });
