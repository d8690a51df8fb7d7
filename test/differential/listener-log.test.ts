// Access logs of listeners: a line for each connection, whatever became of it.
import { expect } from 'vitest';
import { filters, LISTENER_FILTER, NETWORK, proxied, secure } from './harness/chains.ts';
import { type ConnectionCase, type ConnectionStand, compareConnections } from './harness/connections.ts';
import { type Line, talk } from './harness/talk.ts';

const FILE = 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog';
const FORMAT =
  '%BYTES_RECEIVED% %BYTES_SENT% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %RESPONSE_CODE% %UPSTREAM_CLUSTER% %UPSTREAM_HOST% %PROTOCOL% %REQUESTED_SERVER_NAME% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %FILTER_CHAIN_NAME%';
const log = (name: string, filter = '') =>
  `access_log: [{ name: file, ${filter}typed_config: { "@type": ${FILE}, path: <folder>/${name}.log, log_format: { text_format_source: { inline_string: "${FORMAT}\\n" } } } }]`;
const tcp = (cluster: string) =>
  `{ name: tcp, typed_config: { "@type": ${NETWORK}.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: ${cluster} } }`;
const denies = `{ name: r, typed_config: { "@type": ${NETWORK}.local_ratelimit.v3.LocalRateLimit, stat_prefix: r, token_bucket: { max_tokens: 1, tokens_per_fill: 1, fill_interval: 600s } } }, `;

function row(
  name: string,
  listener: string,
  lines: readonly Line[],
  wants: object,
  more: Parameters<typeof talk>[2] = {},
): ConnectionCase {
  return {
    name,
    async run(stand: ConnectionStand) {
      const { received } = await talk(stand.port(listener), lines, more);
      return { answered: received !== '', log: (await stand.log(listener)).at(-1) };
    },
    wants,
  };
}

const GET: Line = { send: 'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n' };

compareConnections({
  name: 'listener logs',
  certificates: true,
  listeners: {
    served: `${log('served')}\nfilter_chains: [{ name: c, filters: [${tcp('a')}] }]`,
    unreached: `${log('unreached')}\nfilter_chains: [{ name: c, filters: [${tcp('refused')}] }]`,
    unmatched: `${log('unmatched')}\n${filters(`${LISTENER_FILTER}.proxy_protocol.v3.ProxyProtocol`)}\nfilter_chains: [{ filter_chain_match: { destination_port: 443 }, filters: [${tcp('a')}] }]`,
    filtered: `${log('filtered', 'filter: { response_flag_filter: { flags: [NR] } }, ')}\n${filters(`${LISTENER_FILTER}.proxy_protocol.v3.ProxyProtocol`)}\nfilter_chains: [{ filter_chain_match: { destination_port: 443 }, filters: [${tcp('a')}] }]`,
    limited: `${log('limited')}\nfilter_chains: [{ name: c, filters: [${denies}${tcp('a')}] }]`,
    failing: `${log('failing')}\nfilter_chains: [${secure('web', '').replace('filter_chain_match: {  }, ', 'name: c, ')}]`,
    site: `${log('site')}\nfilter_chains: [${secure('web', '').replace('filter_chain_match: {  }, ', 'name: c, ')}]`,
  },
  cases: [
    row('a connection that is served', 'served', [{ send: 'hello' }, { hear: /hello/ }, { end: true }], {
      answered: true,
      log: '5 7 - - 0 a 127.0.0.1:<a> - - 127.0.0.1 c',
    }),
    row('one whose upstream is not there', 'unreached', [], { answered: false }),
    row('one that finds no chain', 'unmatched', proxied('10.1.2.3', '10.0.0.1', 1, 80), {
      answered: false,
      log: '0 0 NR filter_chain_not_found 0 - - - - 10.1.2.3 -',
    }),
    {
      name: 'as Istio asks: only those that find no chain',
      async run(stand) {
        await talk(stand.port('filtered'), [
          ...proxied('10.1.2.3', '10.0.0.1', 1, 443),
          { send: 'x' },
          { hear: /x/ },
          { end: true },
        ]);
        await talk(stand.port('filtered'), proxied('10.1.2.4', '10.0.0.1', 1, 80));
        return stand.log('filtered');
      },
      wants: ['0 0 NR filter_chain_not_found 0 - - - - 10.1.2.4 -'],
    },
    {
      name: 'one that a filter refuses',
      async run(stand) {
        await talk(stand.port('limited'), [{ send: 'x' }, { hear: /x/ }, { end: true }]);
        await talk(stand.port('limited'), []);
        return (await stand.log('limited', 2)).at(-1);
      },
      wants: '0 0 URX - 0 - - - - 127.0.0.1 c',
    },
    {
      ...row('HTTP', 'site', [GET], { answered: true }, { tls: { servername: 'a.test' } }),
      accepted: {
        reason:
          'requests tell bytes and protocol of HTTP; Envoy knows the name only where a listener filter looks for it',
        ours: { answered: true, log: '0 0 - - 0 - - - a.test 127.0.0.1 c' },
      },
    },
    {
      name: 'a handshake that fails',
      async run(stand) {
        await talk(stand.port('failing'), [{ send: 'no hello\r\n' }]);
        return stand.log('failing');
      },
      wants: [expect.stringMatching(/^0 0 - - 0 - - - - 127.0.0.1/)],
    },
  ],
});
