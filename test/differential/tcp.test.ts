// TCP without HTTP: what passes, how it ends, what is counted and logged, and who is turned away before.
import { type ConnectionCase, type ConnectionStand, compareConnections } from './harness/connections.ts';
import { type Line, talk } from './harness/talk.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.network';
const FORMAT =
  '%BYTES_RECEIVED% %BYTES_SENT% %RESPONSE_FLAGS% %UPSTREAM_HOST% %UPSTREAM_CLUSTER% %PROTOCOL% %RESPONSE_CODE% %REQ(:METHOD)% %CONNECTION_TERMINATION_DETAILS%';

function tcp(name: string, fields: string): string {
  return `{ name: tcp, typed_config: { "@type": ${TYPE}.tcp_proxy.v3.TcpProxy, stat_prefix: ${name}, ${fields}, access_log: [{ name: file, typed_config: { "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: <folder>/${name}.log, log_format: { text_format_source: { inline_string: "${FORMAT}\\n" } } } }] } }`;
}

const proxied = (name: string, fields: string, before = ''): readonly [string, string] => [
  name,
  `filter_chains: [{ filters: [${before}${tcp(name, fields)}] }]`,
];
const filter = (type: string, fields: string) => `{ name: f, typed_config: { "@type": ${TYPE}.${type}, ${fields} } }, `;
const rbac = (prefix: string, action = 'ALLOW', kind = 'rules') =>
  filter(
    'rbac.v3.RBAC',
    `stat_prefix: rbac_, ${kind}: { action: ${action}, policies: { p: { permissions: [{ any: true }], principals: [{ direct_remote_ip: { address_prefix: ${prefix}, prefix_len: 8 } }] } } }`,
  );

type Told = { counters?: Readonly<Record<string, number>>; heard?: string; log?: boolean; stays?: boolean };

/** Talks to a listener and tells what was seen everywhere. */
function told(
  listener: string,
  lines: readonly Line[],
  { counters = {}, heard, log = true, stays = false }: Told = {},
) {
  return async (stand: ConnectionStand) => {
    const seen = await talk(stand.port(listener), lines, { stays });
    const names = Object.entries(counters);
    const values = await Promise.all(names.map(([name, wanted]) => stand.stat(name, wanted)));
    return {
      ...seen,
      counters: Object.fromEntries(names.map(([name], i) => [name, values[i]])),
      ...(heard === undefined ? {} : { heard: stand.heard(heard) }),
      ...(log ? { log: (await stand.log(listener)).at(-1) } : {}),
    };
  };
}

/** One endpoint is there, the other refuses. */
function half(name: string, outlier: string): string {
  const member = (port: string) =>
    `{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <${port}> } } } }`;
  return `{ name: ${name}, type: STATIC, connect_timeout: 1s, outlier_detection: { interval: 60s, base_ejection_time: 60s, max_ejection_percent: 100, ${outlier} }, load_assignment: { cluster_name: ${name}, endpoints: [{ lb_endpoints: [${member('dead')}, ${member('a')}] }] } }`;
}

const hello: readonly Line[] = [{ send: 'hello' }, { hear: /hello/ }, { end: true }];

const cases: ConnectionCase[] = [
  {
    name: 'bytes both ways',
    run: told('plain', hello, {
      heard: 'a',
      counters: {
        'tcp.plain.downstream_cx_total': 1,
        'tcp.plain.downstream_cx_rx_bytes_total': 5,
        'tcp.plain.downstream_cx_tx_bytes_total': 7,
        'cluster.a.upstream_cx_total': 1,
        'cluster.a.upstream_cx_active': 0,
      },
    }),
    wants: { received: 'a:hello', ended: 'closed', heard: ['hello'], log: '5 7 - 127.0.0.1:<a> a - 0 - -' },
  },
  {
    name: 'the server speaks first',
    run: told('greets', [{ hear: /\n/ }, { end: true }]),
    wants: { received: 'hello from greeter\n', log: '0 19 - 127.0.0.1:<greeter> greeter - 0 - -' },
  },
  {
    name: 'the server half-closes first',
    run: told('ends', [{ send: 'x' }], { heard: 'ender' }),
    wants: { received: 'bye\n', ended: 'closed' },
  },
  {
    name: 'a reset comes through',
    run: told('resets', [{ send: 'x' }], { log: false }),
    wants: { received: '', ended: 'reset' },
  },
  {
    name: 'nobody listens',
    run: told('refused', [], {
      counters: {
        'cluster.refused.upstream_cx_connect_fail': 1,
        'cluster.refused.upstream_cx_connect_attempts_exceeded': 1,
      },
    }),
    wants: { received: '', ended: 'closed' },
  },
  {
    name: 'three attempts',
    run: told('thrice', [], { counters: { 'cluster.refused3.upstream_cx_connect_fail': 3 } }),
    wants: { counters: { 'cluster.refused3.upstream_cx_connect_fail': 3 } },
  },
  {
    name: 'no endpoint',
    run: told('empty', [], { counters: { 'cluster.empty.upstream_cx_none_healthy': 1 } }),
    wants: { log: '0 0 UH - empty - 0 - -' },
  },
  {
    name: 'no cluster',
    run: told('unknown', [], { counters: { 'tcp.unknown.downstream_cx_no_route': 1 } }),
    wants: { received: '' },
  },
  {
    name: 'too many connections',
    run: told('limited', [], { counters: { 'cluster.limited.upstream_cx_overflow': 1 } }),
    wants: { log: '0 0 UO - limited - 0 - -' },
  },
  {
    name: 'weights choose among clusters',
    run: told('weighted', hello, { log: false }),
    wants: { received: 'b:hello' },
  },
  {
    name: 'silence is not for long',
    run: told('idle', [{ send: 'x' }, { hear: /x/ }], { counters: { 'tcp.idle.idle_timeout': 1 } }),
    wants: { ended: 'closed', counters: { 'tcp.idle.idle_timeout': 1 } },
  },
  {
    name: 'nor any connection',
    run: told('short', [{ send: 'x' }, { hear: /x/ }], {
      counters: { 'tcp.short.max_downstream_connection_duration': 1 },
    }),
    wants: { ended: 'closed', counters: { 'tcp.short.max_downstream_connection_duration': 1 } },
  },
  {
    name: 'RBAC allows',
    run: told('allowed', hello, { log: false, counters: { 'rbac_.rbac.allowed': 1 } }),
    wants: { received: 'a:hello' },
  },
  {
    name: 'RBAC denies',
    run: told('denied', [{ send: 'x' }], { log: false, heard: 'a', counters: { 'rbac_.rbac.denied': 1 } }),
    wants: { received: '', counters: { 'rbac_.rbac.denied': 1 } },
    accepted: {
      reason: 'who is denied reaches no upstream and learns nothing: Envoy connects first, and asks when bytes come',
      ours: { received: '', heard: [], counters: { 'rbac_.rbac.denied': 1 } },
    },
  },
  {
    name: 'RBAC denies in the shadow',
    run: told('shadowed', hello, { log: false, counters: { 'rbac_.rbac.shadow_denied': 1 } }),
    wants: { received: 'a:hello', counters: { 'rbac_.rbac.shadow_denied': 1 } },
  },
  {
    name: 'one connection at a time',
    async run(stand) {
      const port = stand.port('single');
      const first = talk(port, [{ send: 'x' }, { hear: /x/ }, { hear: /never/ }], { stays: true }).catch(() => null);
      const active = await stand.stat('connection_limit.single.active_connections', 1);
      const second = await talk(port, [{ send: 'y' }]);
      return {
        active,
        second: second.received,
        limited: await stand.stat('connection_limit.single.limited_connections', 1),
        log: (await stand.log('single'))[0],
        first: first instanceof Promise,
      };
    },
    wants: { active: 1, second: '', limited: 1 },
  },
  {
    name: 'so many per interval',
    async run(stand) {
      const talks: string[] = [];
      for (let i = 0; i < 3; i++)
        talks.push((await talk(stand.port('rated'), [{ send: 'x' }, { hear: /x/ }, { end: true }])).received);
      return {
        talks,
        limited: await stand.stat('local_rate_limit.rated.rate_limited', 1),
        log: (await stand.log('rated', 3)).at(-1),
      };
    },
    wants: { talks: ['a:x', 'a:x', ''], limited: 1 },
  },
  ...(
    [
      ['watched', 'consecutive_5xx'],
      ['split', 'consecutive_local_origin_failure'],
    ] as const
  ).map(
    ([listener, detector]): ConnectionCase => ({
      name: `an endpoint that refuses connections is ejected: ${listener}`,
      async run(stand) {
        const talks: string[] = [];
        for (let i = 0; i < 8; i++)
          talks.push((await talk(stand.port(listener), [{ send: 'x' }, { hear: /x/ }, { end: true }])).received);
        const counter = `cluster.${listener}.outlier_detection.ejections_enforced_${detector}`;
        return { last: talks.slice(-3), ejected: await stand.stat(counter, 1) };
      },
      wants: { last: ['a:x', 'a:x', 'a:x'], ejected: 1 },
    }),
  ),
  {
    name: 'filter state names the cluster',
    run: told('stated', hello, { log: false }),
    wants: { received: 'b:hello' },
  },
  { name: 'echo', run: told('echo', hello, { log: false }), wants: { received: 'hello', ended: 'closed' } },
  {
    name: 'a fixed answer',
    run: told('fixed', [], { log: false }),
    wants: { received: 'go away', ended: 'closed' },
  },
];

compareConnections({
  name: 'tcp',
  listeners: Object.fromEntries([
    proxied('plain', 'cluster: a'),
    proxied('greets', 'cluster: greeter'),
    proxied('ends', 'cluster: ender'),
    proxied('resets', 'cluster: resetter'),
    proxied('refused', 'cluster: refused'),
    proxied('thrice', 'cluster: refused3, max_connect_attempts: 3'),
    proxied('empty', 'cluster: empty'),
    proxied('unknown', 'cluster: nowhere'),
    proxied('limited', 'cluster: limited'),
    proxied('watched', 'cluster: watched'),
    proxied('split', 'cluster: split'),
    proxied('weighted', 'weighted_clusters: { clusters: [{ name: b, weight: 1 }] }'),
    proxied('idle', 'cluster: a, idle_timeout: 0.7s'),
    proxied('short', 'cluster: a, max_downstream_connection_duration: 0.7s'),
    proxied('allowed', 'cluster: a', rbac('127.0.0.0')),
    proxied('denied', 'cluster: a', rbac('10.0.0.0')),
    proxied('shadowed', 'cluster: a', rbac('10.0.0.0', 'ALLOW', 'shadow_rules')),
    proxied(
      'single',
      'cluster: a',
      filter('connection_limit.v3.ConnectionLimit', 'stat_prefix: single, max_connections: 1'),
    ),
    proxied(
      'rated',
      'cluster: a',
      filter(
        'local_ratelimit.v3.LocalRateLimit',
        'stat_prefix: rated, token_bucket: { max_tokens: 2, tokens_per_fill: 1, fill_interval: 600s }',
      ),
    ),
    proxied(
      'stated',
      'cluster: a',
      filter(
        'set_filter_state.v3.Config',
        'on_new_connection: [{ object_key: envoy.tcp_proxy.cluster, format_string: { text_format_source: { inline_string: b } } }]',
      ),
    ),
    ['echo', `filter_chains: [{ filters: [{ name: e, typed_config: { "@type": ${TYPE}.echo.v3.Echo } }] }]`],
    [
      'fixed',
      `filter_chains: [{ filters: [{ name: e, typed_config: { "@type": ${TYPE}.direct_response.v3.Config, response: { inline_string: go away } } }] }]`,
    ],
  ]),
  clusters: `
- { name: refused3, type: STATIC, connect_timeout: 1s, load_assignment: { cluster_name: refused3, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <dead> } } } }] }] } }
- ${half('watched', 'consecutive_5xx: 2')}
- ${half('split', 'split_external_local_origin_errors: true, consecutive_local_origin_failure: 2')}
- { name: limited, type: STATIC, connect_timeout: 1s, circuit_breakers: { thresholds: [{ max_connections: 0 }] }, load_assignment: { cluster_name: limited, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <a> } } } }] }] } }
`,
  cases,
});
