// The PROXY protocol on both sides: what endpoints are told of clients, and what becomes of a client's own header.
import { type ConnectionCase, type ConnectionStand, compareConnections } from './harness/connections.ts';
import { type Line, talk } from './harness/talk.ts';

const EXTENSIONS = 'type.googleapis.com/envoy.extensions';
const NETWORK = `${EXTENSIONS}.filters.network`;
const PROXY = `${EXTENSIONS}.filters.listener.proxy_protocol.v3.ProxyProtocol`;
const FILE = `${EXTENSIONS.replace('.extensions', '.extensions.access_loggers.file.v3.FileAccessLog')}`;

const log = (name: string, format: string) =>
  `access_log: [{ name: file, typed_config: { "@type": ${FILE}, path: <folder>/${name}.log, log_format: { text_format_source: { inline_string: "${format}\\n" } } } }]`;
const NOTED = '%DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol)% %DYNAMIC_METADATA(other:k)%';

const tcp = (cluster: string, more = '') =>
  `{ name: tcp, typed_config: { "@type": ${NETWORK}.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: ${cluster}${more} } }`;
const http = (cluster: string, more = '') =>
  `{ name: http, typed_config: { "@type": ${NETWORK}.http_connection_manager.v3.HttpConnectionManager, stat_prefix: h, use_remote_address: true, http_filters: [{ name: router, typed_config: { "@type": ${EXTENSIONS}.filters.http.router.v3.Router } }], route_config: { virtual_hosts: [{ name: v, domains: ["*"], routes: [{ match: { prefix: / }, route: { cluster: ${cluster} } }] }] }${more} } }`;
const chain = (filter: string) => `filter_chains: [{ filters: [${filter}] }]`;
const behind = (fields: string, filter: string) =>
  `listener_filters: [{ name: p, typed_config: { "@type": ${PROXY}${fields} } }]\n${chain(filter)}`;

/** A cluster whose connections begin with a PROXY header. */
function cluster(
  name: string,
  upstream: string,
  config: string,
  inner = 'raw_buffer.v3.RawBuffer',
  fields = '',
): string {
  return `{ name: ${name}, type: STATIC, connect_timeout: 1s, load_assignment: { cluster_name: ${name}, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <${upstream}> } } } }] }] }, transport_socket: { name: p, typed_config: { "@type": ${EXTENSIONS}.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport, config: { ${config} }, transport_socket: { name: t, typed_config: { "@type": ${EXTENSIONS}.transport_sockets.${inner}${fields} } } } } }`;
}

const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n';
const v2 = (rest: Buffer, command = 0x21, family = 0x11) => {
  const head = Buffer.from([command, family, rest.length >> 8, rest.length & 0xff]);
  return Buffer.concat([Buffer.from(SIGNATURE, 'latin1'), head, rest]);
};
const four = Buffer.from([10, 0, 0, 1, 10, 0, 0, 2, 0x04, 0xd2, 0x01, 0xbb]);
const tlv = (type: number, value: string) =>
  Buffer.concat([Buffer.from([type, 0, value.length]), Buffer.from(value, 'latin1')]);
const given = v2(Buffer.concat([four, tlv(0xe0, 'first'), tlv(0xe1, 'se\xffcond'), tlv(0xe2, 'third')]));

/** The header at the start of what an upstream heard, without what differs between stands, and what follows it. */
function described(stand: ConnectionStand, text: string): string {
  const bytes = Buffer.from(text, 'latin1');
  const port = (number: number) => stand.withoutPorts(`:${number}`).replace(/:[3-6]\d{4}$/, ':<client>');
  if (text.startsWith('PROXY ')) {
    const end = text.indexOf('\r\n');
    const [, family, from, to, source, destination] = text.slice(0, end).split(' ');
    const ends = source === undefined ? '' : ` ${from}${port(Number(source))} ${to}${port(Number(destination))}`;
    return `v1 ${family}${ends} | ${text.slice(end + 2)}`;
  }
  if (!text.startsWith(SIGNATURE)) return `none | ${text}`;
  const [command, family] = [bytes[12]!.toString(16), bytes[13]!.toString(16)];
  const end = 16 + bytes.readUInt16BE(14);
  if (end === 16) return `v2 ${command} ${family} | ${text.slice(end)}`;
  const size = family === '11' ? 4 : 16;
  const [from, to] = [bytes.subarray(16, 16 + size), bytes.subarray(16 + size, 16 + size * 2)];
  const ports = bytes.subarray(16 + size * 2);
  const ends = `${from.join('.')}${port(ports.readUInt16BE(0))} ${to.join('.')}${port(ports.readUInt16BE(2))}`;
  return `v2 ${command} ${family} ${ends} [${ports.toString('latin1', 4, end - 16 - size * 2)}] | ${text.slice(end)}`;
}

const hello: readonly Line[] = [{ send: 'hello' }, { hear: /hello/ }, { end: true }];
const get = (path = '/', more = '') => `GET ${path} HTTP/1.1\r\nhost: test\r\n${more}\r\n`;

function told(listener: string, lines: readonly Line[], upstream: string | 'none' = 'a', logged = false) {
  return async (stand: ConnectionStand) => {
    const { received } = await talk(stand.port(listener), lines);
    const heard = upstream === 'none' ? [] : stand.heard(upstream).map((text) => described(stand, text));
    return {
      received: received.length > 0,
      heard,
      ...(logged ? { log: (await stand.log(listener)).at(-1) } : {}),
    };
  };
}

/** What is counted of a header, by listener: names begin with its prefix. */
const counted = (name: string, listener: string, send: string | Buffer, wants: Readonly<Record<string, number>>) => ({
  name: `counted: ${name}`,
  async run(stand: ConnectionStand) {
    const allowed = !Object.keys(wants).some((one) => /error$|disallowed$/.test(one));
    await talk(stand.port(listener), [{ send }, ...(allowed ? [{ hear: /a:/ }, { end: true } as const] : [])]);
    const counters = [
      ...['not_found_allowed', 'not_found_disallowed'],
      ...['v1', 'v2'].flatMap((one) => ['found', 'disallowed', 'error'].map((what) => `versions.${one}.${what}`)),
    ];
    const values: Record<string, number> = {};
    for (const one of counters) values[one] = await stand.stat(`proxy_proto.${listener}.${one}`, wants[one] ?? 0);
    return values;
  },
  wants,
});

const cases: ConnectionCase[] = [
  counted('text', 'counts-1', 'PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nx', { 'versions.v1.found': 1 }),
  counted('binary', 'counts-2', Buffer.concat([given, Buffer.from('x')]), { 'versions.v2.found': 1 }),
  counted('nothing', 'counts-3', 'hello', { not_found_allowed: 1 }),
  counted('nothing, which must be', 'counts-4', 'hello without a header\r\n', { not_found_disallowed: 1 }),
  counted('broken text', 'counts-5', 'PROXY TCP4 nonsense\r\n', { 'versions.v1.error': 1 }),
  counted('broken binary', 'counts-6', v2(four, 0x31), { 'versions.v2.error': 1 }),
  counted('text that may not be', 'counts-7', 'PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nx', {
    'versions.v1.found': 1,
    'versions.v1.disallowed': 1,
  }),

  {
    name: 'text',
    run: told('text', hello),
    wants: { heard: ['v1 TCP4 127.0.0.1:<client> 127.0.0.1:<text> | hello'] },
  },
  {
    name: 'binary',
    run: told('binary', hello),
    wants: { heard: ['v2 21 11 127.0.0.1:<client> 127.0.0.1:<binary> [] | hello'] },
  },
  {
    name: 'text of a header that came',
    run: told('text-given', [{ send: given }, ...hello]),
    wants: { heard: ['v1 TCP4 10.0.0.1:1234 10.0.0.2:443 | hello'] },
  },
  {
    name: 'binary of a header that came: TLVs only where the cluster says so',
    run: told('binary-given', [{ send: given }, ...hello]),
    wants: { heard: ['v2 21 11 10.0.0.1:1234 10.0.0.2:443 [] | hello'] },
  },
  {
    name: 'binary of IPv6',
    run: told('binary-given', [{ send: 'PROXY TCP6 2001:db8::1 2001:db8::2 1234 443\r\n' }, ...hello]),
    wants: {
      heard: ['v2 21 21 32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.1:1234 32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.2:443 [] | hello'],
    },
  },
  {
    name: 'a balancer that speaks for itself',
    run: told('binary-given', [{ send: v2(Buffer.alloc(0), 0x20, 0) }, ...hello]),
    wants: { heard: ['v2 21 11 127.0.0.1:<client> 127.0.0.1:<binary-given> [] | hello'] },
  },
  {
    name: 'TLVs that came',
    run: told('all-given', [{ send: given }, ...hello]),
    wants: {
      heard: ['v2 21 11 10.0.0.1:1234 10.0.0.2:443 [\xe0\0\x05first\xe1\0\x07se\xffcond\xe2\0\x05third] | hello'],
    },
  },
  {
    name: 'TLVs that both sides let pass',
    run: told('some-given', [{ send: given }, ...hello]),
    wants: { heard: ['v2 21 11 10.0.0.1:1234 10.0.0.2:443 [\xe2\0\x05third] | hello'] },
  },
  {
    name: 'TLVs of the cluster',
    run: told('added-given', [{ send: given }, ...hello]),
    wants: {
      heard: [
        'v2 21 11 10.0.0.1:1234 10.0.0.2:443 [\xe1\0\x04mine\xe5\0\x04more\xe0\0\x05first\xe2\0\x05third] | hello',
      ],
    },
  },
  {
    name: 'TLVs become metadata of the connection',
    run: told('noted', [{ send: given }, ...hello], 'a', true),
    wants: { log: '{"a":"first","b":"se!cond"} dGhpcmQ=' },
  },
  {
    name: 'which requests on it have none of',
    run: told('noted-http', [{ send: given }, { send: get('/', 'connection: close\r\n') }], 'none', true),
    wants: { received: true, log: '- -' },
  },
  {
    name: 'a TLV that is cut off',
    run: told('noted', [{ send: v2(Buffer.concat([four, Buffer.from([1, 0, 9, 1])])) }, { send: 'x' }]),
    wants: { received: false },
  },
  {
    name: 'requests of two clients share no connection, those of one do',
    async run(stand) {
      const lines: readonly Line[] = [
        { send: get('/1') },
        { hear: /web/ },
        { send: get('/2', 'x-forwarded-for: 1.2.3.4\r\n') },
        { hear: /web.*web/s },
      ];
      for (const _client of [1, 2]) await talk(stand.port('http'), lines, { stays: true });
      return stand.heard('web').map((text) =>
        described(stand, text)
          .replace(/\r\n(?!GET)[^\r\n]*/g, '')
          .replace(/\r\n/g, ' '),
      );
    },
    wants: new Array(2).fill('v1 TCP4 127.0.0.1:<client> 127.0.0.1:<http> | GET /1 HTTP/1.1 GET /2 HTTP/1.1'),
  },
  {
    name: 'before TLS',
    run: told('tls', hello, 'headed'),
    wants: { received: true, heard: ['v1 TCP4 127.0.0.1:<client> 127.0.0.1:<tls> | hello'] },
  },
];

compareConnections({
  name: 'proxy protocol',
  certificates: true,
  listeners: {
    text: chain(tcp('text')),
    binary: chain(tcp('binary')),
    'text-given': behind('', tcp('text')),
    'binary-given': behind(', pass_through_tlvs: {}', tcp('binary')),
    'all-given': behind(', pass_through_tlvs: {}', tcp('all')),
    'some-given': behind(', pass_through_tlvs: { match_type: INCLUDE, tlv_type: [224, 226] }', tcp('some')),
    'added-given': behind(', pass_through_tlvs: {}', tcp('added')),
    tls: chain(tcp('tls')),
    noted: behind(
      ', rules: [{ tlv_type: 224, on_tlv_present: { key: a } }, { tlv_type: 225, on_tlv_present: { key: b } }, { tlv_type: 226, on_tlv_present: { metadata_namespace: other, key: k, value_string_encoding: BASE64 } }]',
      tcp('a', `, ${log('noted', NOTED)}`),
    ),
    'noted-http': behind(
      ', rules: [{ tlv_type: 224, on_tlv_present: { key: a } }]',
      http('web', `, ${log('noted-http', NOTED)}`),
    ),
    http: chain(http('web2')),
    ...Object.fromEntries(
      ['', '', ', allow_requests_without_proxy_protocol: true', '', '', '', ', disallowed_versions: [V1]'].map(
        (fields, i) => [`counts-${i + 1}`, behind(`, stat_prefix: counts-${i + 1}${fields}`, tcp('a'))],
      ),
    ),
  },
  clusters: `[${[
    cluster('text', 'a', 'version: V1'),
    cluster('binary', 'a', 'version: V2'),
    cluster('all', 'a', 'version: V2, pass_through_tlvs: {}'),
    cluster('some', 'a', 'version: V2, pass_through_tlvs: { match_type: INCLUDE, tlv_type: [225, 226] }'),
    cluster(
      'added',
      'a',
      'version: V2, pass_through_tlvs: {}, added_tlvs: [{ type: 225, value: bWluZQ== }, { type: 229, value: bW9yZQ== }]',
    ),
    cluster(
      'tls',
      'headed',
      'version: V1',
      'tls.v3.UpstreamTlsContext',
      ', common_tls_context: { tls_certificates: [{ certificate_chain: { filename: <folder>/client.pem }, private_key: { filename: <folder>/client-key.pem } }] }',
    ),
    cluster('web2', 'web', 'version: V1'),
  ].join(', ')}]`,
  cases,
});
