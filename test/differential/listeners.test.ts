// Listeners: which chain a connection gets, and what listener filters make of its first bytes.
import {
  asks,
  chain,
  cidr,
  filters,
  GET,
  LISTENER_FILTER,
  list,
  NETWORK,
  proxied,
  row,
  secure,
} from './harness/chains.ts';
import { type ConnectionCase, compareConnections } from './harness/connections.ts';
import { type Line, talk } from './harness/talk.ts';

const INSPECT_TLS = `${LISTENER_FILTER}.tls_inspector.v3.TlsInspector`;
const INSPECT_HTTP = `${LISTENER_FILTER}.http_inspector.v3.HttpInspector`;
const PROXY = `${LISTENER_FILTER}.proxy_protocol.v3.ProxyProtocol`;
const proxyLog = `{ name: tcp, typed_config: { "@type": ${NETWORK}.tcp_proxy.v3.TcpProxy, stat_prefix: logged, cluster: a, access_log: [{ name: file, typed_config: { "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: <folder>/logged.log, log_format: { text_format_source: { inline_string: "%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_LOCAL_ADDRESS%\\n" } } } }] } }`;

const listeners: Readonly<Record<string, string>> = {
  names: `${filters(INSPECT_TLS)}
${list(
  secure('exact', 'server_names: [a.shop.example]'),
  secure('suffix', 'server_names: ["*.shop.example"]'),
  secure('wide', 'server_names: ["*.example"]'),
  secure('other-tls', 'transport_protocol: tls'),
  chain('plain', 'transport_protocol: raw_buffer'),
)}`,
  unseen: list(chain('other', 'transport_protocol: tls'), chain('unseen', 'transport_protocol: raw_buffer')),
  alpn: `${filters(INSPECT_TLS)}
${list(secure('two', 'application_protocols: [h2]'), secure('one', 'application_protocols: [http/1.1]'))}
default_filter_chain: ${chain('fallback', '').replace('filter_chain_match: {  }, ', '')}`,
  http: `${filters(INSPECT_HTTP)}
${list(chain('http', 'application_protocols: [http/1.1]'), chain('old', 'application_protocols: [http/1.0]'), chain('h2c', 'application_protocols: [h2c]'), chain('raw', ''))}`,
  sources: `${filters(PROXY)}
${list(
  chain('local', 'source_type: SAME_IP_OR_LOOPBACK'),
  chain('external', 'source_type: EXTERNAL'),
  chain('ten', `source_prefix_ranges: ${cidr('10.0.0.0', 8)}`),
  chain('ten-one', `source_prefix_ranges: ${cidr('10.1.0.0', 16)}`),
  chain('port', `source_prefix_ranges: ${cidr('10.1.0.0', 16)}, source_ports: [7]`),
)}`,
  ranges: `${filters(PROXY)}
${list(
  chain('ten', `source_prefix_ranges: ${cidr('10.0.0.0', 8)}`),
  chain('ten-one', `source_prefix_ranges: ${cidr('10.1.0.0', 16)}`),
  chain('port', `source_prefix_ranges: ${cidr('10.1.0.0', 16)}, source_ports: [7]`),
  chain('any', ''),
)}`,
  direct: `${filters(PROXY)}
${list(
  chain('direct', `direct_source_prefix_ranges: ${cidr('127.0.0.0', 8)}, source_prefix_ranges: ${cidr('11.0.0.0', 8)}`),
  chain('any', ''),
)}`,
  destinations: `${filters(PROXY)}
${list(
  chain('any', ''),
  chain('port', 'destination_port: 443'),
  chain('range', `prefix_ranges: ${cidr('10.0.0.0', 8)}`),
  chain('narrow', `prefix_ranges: ${cidr('10.9.0.0', 16)}`),
  chain('port-range', `destination_port: 443, prefix_ranges: ${cidr('10.9.0.0', 16)}`),
)}`,
  optional: `listener_filters: [{ name: f, typed_config: { "@type": ${PROXY}, allow_requests_without_proxy_protocol: true } }]
${list(chain('in', ''))}`,
  required: `${filters(PROXY)}
${list(chain('in', ''))}`,
  logged: `${filters(PROXY)}
filter_chains: [{ filters: [${proxyLog}] }]`,
  waits: `${filters(INSPECT_TLS)}
listener_filters_timeout: 0.3s
continue_on_listener_filters_timeout: true
${list(chain('waited', ''))}`,
  closes: `${filters(INSPECT_TLS)}
listener_filters_timeout: 0.3s
${list(chain('waited', ''))}`,
  nobody: list(chain('never', 'source_type: EXTERNAL')),
};

const binary = (family: number, rest: readonly number[], command = 0x21): Line[] => [
  {
    send: Buffer.concat([
      Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'),
      Buffer.from([command, family, 0, rest.length, ...rest]),
    ]),
  },
];

const cases: ConnectionCase[] = [
  row('exact name', 'names', [GET], 'exact', asks('a.shop.example')),
  row('name in capitals', 'names', [GET], 'exact', asks('A.Shop.Example')),
  row('suffix', 'names', [GET], 'suffix', asks('b.shop.example')),
  row('deeper suffix', 'names', [GET], 'suffix', asks('c.b.shop.example')),
  row('wider suffix', 'names', [GET], 'wide', asks('shop.example')),
  row('no such name', 'names', [GET], 'other-tls', asks('other.test')),
  row('no name', 'names', [GET], 'other-tls', { tls: {} }),
  row('plain text', 'names', [{ send: 'GET / HTTP/1.1\r\n' }], 'plain'),
  row('nobody looks for TLS', 'unseen', [{ send: Buffer.from([0x16, 3, 1, 0, 100]) }], 'unseen'),
  row('protocol', 'alpn', [GET], 'one', asks('a.test', 'http/1.1')),
  row('first protocol of the client', 'alpn', [GET], 'one', asks('a.test', 'http/1.1', 'h2')),
  row('other protocol of the client first', 'alpn', [GET], 'two', asks('a.test', 'h2', 'http/1.1')),
  row('default chain', 'alpn', [{ send: 'plain' }], 'fallback'),
  row('HTTP/1.1 seen', 'http', [{ send: 'GET / HTTP/1.1\r\n' }], 'http'),
  row('HTTP/1.0 seen', 'http', [{ send: 'GET / HTTP/1.0\r\n' }], 'old'),
  row('HTTP/2 seen', 'http', [{ send: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' }], 'h2c'),
  row('no HTTP', 'http', [{ send: 'SSH-2.0-client\r\n' }], 'raw'),
  row('binary', 'http', [{ send: Buffer.from([0, 1, 2, 3, 10]) }], 'raw'),
  row('external source', 'sources', proxied('12.1.1.1', '10.0.0.1'), 'external'),
  row('local source', 'sources', proxied('127.0.0.1', '10.0.0.1'), 'local'),
  row('the rest of loopback', 'sources', proxied('127.0.0.5', '10.0.0.1'), 'external'),
  row('its own address', 'sources', proxied('12.1.1.1', '12.1.1.1'), 'local'),
  row('a source type hides ranges', 'sources', proxied('10.2.0.1', '10.0.0.1'), 'external'),
  row('source range', 'ranges', proxied('10.2.0.1', '9.0.0.1'), 'ten'),
  row('narrower source range', 'ranges', proxied('10.1.0.1', '9.0.0.1'), 'ten-one'),
  row('source port', 'ranges', proxied('10.1.0.1', '9.0.0.1', 7), 'port'),
  row('any source', 'ranges', proxied('12.1.0.1', '9.0.0.1', 7), 'any'),
  row('direct source', 'direct', proxied('11.1.1.1', '9.0.0.1'), 'direct'),
  row('a direct source hides the rest', 'direct', proxied('12.1.1.1', '9.0.0.1'), ''),
  row('any destination', 'destinations', proxied('1.1.1.1', '11.0.0.1'), 'any'),
  row('destination port', 'destinations', proxied('1.1.1.1', '11.0.0.1', 1, 443), 'port'),
  row('destination range', 'destinations', proxied('1.1.1.1', '10.1.0.1'), 'range'),
  row('narrower range', 'destinations', proxied('1.1.1.1', '10.9.0.1'), 'narrow'),
  row('port and range', 'destinations', proxied('1.1.1.1', '10.9.0.1', 1, 443), 'port-range'),
  row('a port hides ranges', 'destinations', proxied('1.1.1.1', '10.1.0.1', 1, 443), 'port'),
  row('binary header', 'destinations', binary(0x11, [1, 1, 1, 1, 10, 9, 0, 1, 0, 1, 0, 2]), 'narrow'),
  row(
    'binary header with a TLV',
    'destinations',
    binary(0x11, [1, 1, 1, 1, 10, 9, 0, 1, 0, 1, 0, 2, 4, 0, 1, 0]),
    'narrow',
  ),
  row('local command', 'destinations', binary(0, [], 0x20), 'any'),
  row('a header that is optional', 'optional', [{ send: 'hello' }], 'in'),
  row('an optional header that is there', 'optional', proxied('1.1.1.1', '10.9.0.1'), 'in'),
  row('no header', 'required', [{ send: 'hello\r\n' }], ''),
  row('a broken header', 'required', [{ send: 'PROXY TCP4 nonsense\r\n' }], ''),
  row('an unknown family', 'required', [{ send: 'PROXY UNKNOWN\r\n' }], 'in'),
  row('a client that waits', 'waits', [], 'waited'),
  row('a client that waits too long', 'closes', [], ''),
  {
    name: 'no chain',
    async run(stand) {
      const { received } = await talk(stand.port('nobody'), []);
      return { received, counted: await stand.stat('listener.nobody.no_filter_chain_match', 1) };
    },
    wants: { received: '', counted: 1 },
  },
  {
    name: 'addresses of a PROXY header in the log',
    async run(stand) {
      const lines: Line[] = [
        ...proxied('10.1.2.3', '10.9.0.1', 77, 443),
        { send: 'hello' },
        { hear: /hello/ },
        { end: true },
      ];
      const { received } = await talk(stand.port('logged'), lines);
      return { received, heard: stand.heard('a'), log: await stand.log('logged') };
    },
    wants: { received: 'a:hello', heard: ['hello'], log: ['10.1.2.3:77 127.0.0.1 10.9.0.1:443'] },
  },
];

compareConnections({ name: 'listeners', certificates: true, listeners, cases });
