import { describe, expect, it } from 'vitest';
import { encodeBootstrap } from '../../encode/bootstrap.ts';
import { decodeCluster } from '../config/cluster.ts';
import { adsSource } from '../config/config-source.ts';
import { readBootstrap } from './bootstrap.ts';
import { BootstrapError } from './bootstrap-error.ts';

const complete = `
node: { id: sidecar~1, cluster: web, metadata: { NAME: web-1, TULLE_AGENT: { ca: '127.0.0.1:15010', rootFile: /r, tokenFile: /t } } }
admin: { address: { socket_address: { address: 127.0.0.1, port_value: 9901 } } }
dynamic_resources:
  ads_config: { api_type: DELTA_GRPC, transport_api_version: V3, grpc_services: [{ envoy_grpc: { cluster_name: xds } }] }
  lds_config: { resource_api_version: V3, ads: {} }
  cds_config: { resource_api_version: V3, path_config_source: { path: /etc/clusters.yaml } }
static_resources:
  clusters:
    - name: xds
      load_assignment:
        cluster_name: xds
        endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 15010 } } } }] }]
      transport_socket:
        name: tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
          common_tls_context:
            tls_certificate_sds_secret_configs:
              - name: default
                sds_config: { api_config_source: { api_type: GRPC, grpc_services: [{ envoy_grpc: { cluster_name: sds-grpc } }] } }
            validation_context: { trusted_ca: { filename: /root.pem } }
    - name: sds-grpc
      load_assignment:
        cluster_name: sds-grpc
        endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: /run/sds.sock } } } }] }]
    - name: application
      load_assignment:
        cluster_name: application
        endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 8080 } } } }] }]
`;

describe('bootstrap', () => {
  it('says how many threads carry traffic', async () => {
    const { concurrency } = await readBootstrap('node: { metadata: { TULLE_CONCURRENCY: 0 } }', 'b.yaml');
    expect(concurrency).toBe(0);
  });

  it('says what to start from', async () => {
    const bootstrap = await readBootstrap(complete, 'b.yaml');
    expect(bootstrap.admin).toEqual({ address: '127.0.0.1', port: 9901, allows: null });
    expect(bootstrap.agent).toEqual({ ca: '127.0.0.1:15010', rootFile: '/r', tokenFile: '/t' });
    expect(bootstrap.concurrency).toBe(1);
    expect(bootstrap.ads).toEqual({
      protocol: 'delta',
      nodeOnce: false,
      rate: null,
      target: { cluster: 'xds', authority: '', timeout: 0, metadata: null, maxMessage: 64 * 1024 * 1024 },
      retry: { base: 500, max: 10_000 },
    });
    expect(bootstrap.listenerSource).toEqual(adsSource);
    expect(bootstrap.clusterSource).toMatchObject({
      place: { kind: 'file', path: '/etc/clusters.yaml' },
    });
  });

  it('says how the stream to the control plane is opened', async () => {
    const service = `envoy_grpc: { cluster_name: xds, authority: control, max_receive_message_length: 1000, retry_policy: { retry_back_off: { base_interval: 2s } } }`;
    const metadata = 'initial_metadata: [{ key: X-Token, value: t }]';
    const { ads } = await readBootstrap(
      change('envoy_grpc: { cluster_name: xds }', `${service}, ${metadata}`),
      'b.yaml',
    );
    expect(ads?.target).toMatchObject({ authority: 'control', maxMessage: 1000, timeout: 0 });
    expect([...(ads?.target.metadata ?? [])]).toEqual([['x-token', 't']]);
    expect(ads?.retry).toEqual({ base: 2_000, max: 20_000 });
  });

  it('reads the same as JSON', async () => {
    const json = '{"node": {"id": "n"}, "admin": {"address": {"socketAddress": {"address": "::1", "portValue": 1}}}}';
    expect((await readBootstrap(json, 'b.json')).admin).toEqual({ address: '::1', port: 1, allows: null });
  });

  it('starts from what Istio’s agent writes', async () => {
    const file = {
      '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
      path: '/dev/null',
    };
    const address = { socket_address: { address: '127.0.0.1', port_value: 15_000 } };
    const extension = {
      '@type': 'type.googleapis.com/udpa.type.v1.TypedStruct',
      type_url: 'type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener',
      value: { buffer_size_kb: 64 },
    };
    const json = {
      application_log_config: { log_format: { text_format: '%v' } },
      bootstrap_extensions: [{ name: 'envoy.bootstrap.internal_listener', typed_config: extension }],
      admin: { access_log: [{ name: 'file', typed_config: file }], profile_path: '/var/lib/istio/envoy.prof', address },
      deferred_stat_options: { enable_deferred_creation_stats: true },
      cluster_manager: { enable_deferred_cluster_creation: true },
    };
    const { admin } = await readBootstrap(JSON.stringify(json), 'b.json');
    expect(admin).toEqual({ address: '127.0.0.1', port: 15_000, allows: null });
  });

  it('says what admin may be asked', async () => {
    const { admin } = await readBootstrap(
      'admin: { address: { pipe: { path: /run/admin } }, allow_paths: [{ prefix: /stats }, { exact: /ready }] }',
      'b.yaml',
    );
    const asked = ['/stats?filter=x', '/ready', '/ready?x=1', '/quitquitquit'];
    expect(asked.map((path) => admin?.allows?.(path))).toEqual([true, true, false, false]);
  });

  it('reads what the control plane writes for a proxy', async () => {
    const written = encodeBootstrap({
      node: { id: 'n', name: 'web-1', namespace: 'shop', serviceAccount: 'web', workload: 'web', labels: {} },
      admin: { host: '127.0.0.1', port: 15000 },
      xds: { host: '127.0.0.1', port: 15010 },
      trustDomain: 'cluster.local',
      roots: { kind: 'sds' },
      secretSocket: '/run/sds.sock',
      agent: { ca: { host: '127.0.0.1', port: 15010 }, rootFile: '/r', tokenFile: '/t' },
    } as Parameters<typeof encodeBootstrap>[0]);
    const { ads, agent, clusters } = await readBootstrap(JSON.stringify(written), 'b.json');
    expect(ads?.target.cluster).toBe('xds-grpc');
    for (const one of clusters) expect(() => decodeCluster(one)).not.toThrow();
    expect(agent?.ca).toBe('127.0.0.1:15010');
  });
});

/** `complete` with one text replaced by another. */
const change = (from: string, to: string): string => {
  if (!complete.includes(from)) throw new Error(`the table is stale: ${from}`);
  return complete.replace(from, to);
};

it.each([
  ['broken YAML', 'node: {', /^b\.yaml: .*line 1/s],
  ['no object', 'hello', /^b\.yaml: cannot decode message envoy\.config\.bootstrap\.v3\.Bootstrap/],
  ['an unknown field at the top', 'nodes: {}', /^b\.yaml: nodes: no such field/],
  [
    'an unknown field deep inside',
    change('lb_endpoints: [{ endpoint: { address: { pipe', 'lb_endpoints: [{ endpoint: { adress: { pipe'),
    /^b\.yaml: static_resources\.clusters\[1\]\.load_assignment\.endpoints\[0\]\.lb_endpoints\[0\]\.endpoint\.adress: no such field/,
  ],
  [
    'an unknown field in an Any',
    change('common_tls_context:', 'common_tls: {}\n          common_tls_context:'),
    /static_resources\.clusters\[0\]\.transport_socket\.typed_config\.common_tls: no such field/,
  ],
  [
    'a type it does not know',
    change(
      'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
      'envoy.extensions.transport_sockets.hearsay.v3.Hearsay',
    ),
    /transport_socket\.typed_config: type \S+hearsay\.v3\.Hearsay is not supported/,
  ],
  ['a wrong value', change('port_value: 9901', 'port_value: many'), /port_value/],
  [
    'what this proxy does not do',
    `${complete}\ntracing: { http: { name: zipkin } }`,
    /^b\.yaml: tracing: not supported/,
  ],
  [
    'an admin without a port number',
    change(
      'admin: { address: { socket_address: { address: 127.0.0.1, port_value: 9901 } } }',
      'admin: { address: { socket_address: { address: 127.0.0.1, named_port: x } } }',
    ),
    /admin\.address: needs a pipe, or a socket_address/,
  ],
  [
    'a log of admin',
    'admin: { access_log_path: /tmp/log, address: { pipe: { path: /tmp/admin } } }',
    /^b\.yaml: admin\.access_log_path: requests to admin are not logged \(hint: leave it out, or \/dev\/null\)/,
  ],
  [
    'options of the socket of admin',
    'admin: { socket_options: [{ level: 1, name: 2, int_value: 3 }], address: { pipe: { path: /tmp/admin } } }',
    /^b\.yaml: admin\.socket_options: not supported/,
  ],
  [
    'an extension of the process',
    `bootstrap_extensions: [{ name: x, typed_config: { '@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router } }]`,
    /^b\.yaml: bootstrap_extensions\[0\]\.typed_config: type envoy\.extensions\.filters\.http\.router\.v3\.Router is not supported/,
  ],
  [
    'resources by locator',
    'dynamic_resources: { lds_resources_locator: xdstp://a/b }',
    /^b\.yaml: dynamic_resources\.lds_resources_locator: not supported/,
  ],
  [
    'REST',
    change('api_type: DELTA_GRPC', 'api_type: REST'),
    /^b\.yaml: dynamic_resources\.ads_config\.api_type: must be GRPC or DELTA_GRPC/,
  ],
  [
    'an ADS cluster that is not there',
    change('cluster_name: xds } }] }\n', 'cluster_name: nowhere } }] }\n'),
    /ads_config\.grpc_services\[0\]\.envoy_grpc\.cluster_name: no static cluster is called nowhere/,
  ],
  [
    'ads without ads_config',
    'dynamic_resources: { lds_config: { ads: {} } }',
    /dynamic_resources\.ads_config: missing/,
  ],
  ['no node id', change('id: sidecar~1, ', ''), /node\.id: missing/],
  [
    'an ADS cluster whose endpoints would come over ADS',
    change('name: xds\n', 'name: xds\n      type: EDS\n'),
    /ads_config\.grpc_services\[0\]\.envoy_grpc\.cluster_name: xds is of type EDS/,
  ],
  [
    'a rate at which nothing would ever be asked',
    change('transport_api_version: V3,', 'rate_limit_settings: { fill_rate: 0 },'),
    /^b\.yaml: dynamic_resources\.ads_config\.rate_limit_settings\.fill_rate: must be more than 0/,
  ],
  [
    'no number of threads',
    change('NAME: web-1', 'TULLE_CONCURRENCY: many'),
    /TULLE_CONCURRENCY: must be a number of threads/,
  ],
  [
    'bounds that are too fine',
    'stats_config: { histogram_bucket_settings: [{ match: { prefix: x }, buckets: [1, 125] }] }',
    /stats_config\.histogram_bucket_settings\[0\]\.buckets: 125 has more than two significant digits/,
  ],
  [
    'a pattern of statistics that is none',
    'stats_config: { stats_matcher: { exclusion_list: { patterns: [{ safe_regex: { regex: "(" } }] } } }',
    /stats_matcher\.exclusion_list\.patterns\[0\]\.safe_regex\.regex/,
  ],
  ['no interval', 'stats_flush_interval: 0s', /^b\.yaml: stats_flush_interval: must be between 1 ms and 5 minutes/],
  [
    'a sink of an unknown kind',
    `stats_sinks: [{ name: s, typed_config: { '@type': type.googleapis.com/envoy.config.metrics.v3.HystrixSink } }]`,
    /stats_sinks\[0\]\.typed_config: type envoy\.config\.metrics\.v3\.HystrixSink is not supported/,
  ],
  [
    'statsd to nowhere',
    `stats_sinks: [{ name: s, typed_config: { '@type': type.googleapis.com/envoy.config.metrics.v3.StatsdSink } }]`,
    /stats_sinks\[0\]\.typed_config\.address: is required/,
  ],
  ['half an agent', change(', tokenFile: /t', ''), /node\.metadata\.TULLE_AGENT\.tokenFile: must be a string/],
])('refuses %s', async (_, text, reason) => {
  const read = readBootstrap(text, 'b.yaml');
  await expect(read).rejects.toThrow(BootstrapError);
  await expect(read).rejects.toThrow(reason);
});

it('has a file for ejections of endpoints', async () => {
  const manager = (fields: string) => readBootstrap(`cluster_manager: { outlier_detection: { ${fields} } }`, 'b.yaml');
  expect((await manager('event_log_path: /dev/stdout')).outlierLog).toBe('/dev/stdout');
  await expect(manager('event_service: {}')).rejects.toThrow(
    'b.yaml: cluster_manager.outlier_detection.event_service: not supported',
  );
});

it('says whom loads are reported to', async () => {
  const service = (cluster: string) =>
    `cluster_manager: { load_stats_config: { api_type: GRPC, grpc_services: [{ envoy_grpc: { cluster_name: ${cluster} } }] } }`;
  const { loadStats } = await readBootstrap(complete + service('xds'), 'b.yaml');
  expect(loadStats?.target.cluster).toBe('xds');
  await expect(readBootstrap(complete + service('absent'), 'b.yaml')).rejects.toThrow(
    'cluster_manager.load_stats_config.grpc_services[0].envoy_grpc.cluster_name: no static cluster is called absent',
  );
});

it('says who is asked for addresses of names', async () => {
  const CARES = 'type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig';
  const typed = (fields: string) =>
    `typed_dns_resolver_config: { name: r, typed_config: { "@type": ${CARES}${fields} } }`;
  const server = '{ socket_address: { address: 10.0.0.1, port_value: 53 } }';
  const resolverOf = async (text: string) => (await readBootstrap(text, 'b.yaml')).dnsResolver;
  expect(await resolverOf('{}')).toEqual({ kind: 'system' });
  expect(await resolverOf(typed(', udp_max_queries: 100'))).toEqual({ kind: 'system' });
  const servers = { kind: 'servers', servers: [{ address: '10.0.0.1', port: 53 }] };
  expect(await resolverOf(typed(`, resolvers: [${server}]`))).toMatchObject(servers);
  expect(await resolverOf(`dns_resolution_config: { resolvers: [${server}] }`)).toMatchObject(servers);
});
