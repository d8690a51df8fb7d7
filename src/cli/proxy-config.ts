// `tulle proxy config NAME`: what a proxy has been told, from the proxy itself.
import { Command } from 'commander';
import { addressOf, type Json, list, originOf, record, resourcesOf, text } from './config-dump.ts';
import { type Context, clientOf, printStructured, withApi, withOutput } from './context.ts';
import { type Column, formatTable } from './table.ts';
import type { Terminal } from './terminal.ts';

type Section = 'listeners' | 'routes' | 'clusters' | 'endpoints' | 'certs';
type Options = { api: string; output: string } & { readonly [S in Section]?: boolean };

const SECTIONS: readonly Section[] = ['listeners', 'routes', 'clusters', 'endpoints', 'certs'];

export function proxyConfigCommand({ terminal }: Context): Command {
  const command = new Command('config')
    .description('listeners, routes, clusters, endpoints and certificates of a proxy; all of them, or those asked for')
    .argument('<name>', 'as in tulle proxy list');
  for (const section of SECTIONS) command.option(`--${section}`, `the ${section}`);
  return withOutput(withApi(command), ['table', 'json']).action(async (name: string, options: Options) => {
    const base = `/api/v1/proxies/${encodeURIComponent(name)}`;
    const asked = SECTIONS.filter((section) => options[section] === true);
    const sections = asked.length === 0 ? SECTIONS : asked;
    const client = clientOf(options);
    const dump = sections.some((section) => section !== 'certs') ? await client.get<Json>(`${base}/config_dump`) : {};
    const certs = sections.includes('certs') ? await client.get<Json>(`${base}/certs`) : {};
    const structured = asked.length === 1 && asked[0] === 'certs' ? certs : dump;
    if (printStructured(terminal, options.output, structured)) return;
    const tables = sections.map((section) => formatSection(terminal, section, section === 'certs' ? certs : dump));
    terminal.out(tables.join('\n'));
  });
}

function formatSection(terminal: Terminal, section: Section, answer: Json): string {
  switch (section) {
    case 'listeners':
      return formatTable(terminal, listenerColumns, resourcesOf(answer, 'listener'));
    case 'routes':
      return formatTable(terminal, routeColumns, resourcesOf(answer, 'route_config').flatMap(routeRows));
    case 'clusters':
      return formatTable(terminal, clusterColumns, resourcesOf(answer, 'cluster'));
    case 'endpoints':
      return formatTable(terminal, endpointColumns, resourcesOf(answer, 'endpoint_config').flatMap(endpointRows));
    case 'certs':
      return formatTable(terminal, certificateColumns, list(answer['certificates']).flatMap(certificateRows));
  }
}

const listenerColumns: readonly Column<Json>[] = [
  { title: 'LISTENER', text: ({ name }) => text(name) },
  { title: 'ADDRESS', text: ({ address }) => addressOf(address) },
  { title: 'ORIGIN', text: ({ metadata }) => originOf(metadata) },
];

const clusterColumns: readonly Column<Json>[] = [
  { title: 'CLUSTER', text: ({ name }) => text(name) },
  { title: 'TYPE', text: ({ type }) => text(type) },
  { title: 'BALANCER', text: ({ lb_policy: policy }) => text(policy) },
  {
    title: 'TLS',
    text: ({ transport_socket: tls, transport_socket_matches: matches }) =>
      tls !== undefined || list(matches).length > 0 ? 'mutual' : '',
  },
  { title: 'ORIGIN', text: ({ metadata }) => originOf(metadata) },
];

type Row = Readonly<Record<string, string>>;

function routeRows(table: Json): Row[] {
  return list(table['virtual_hosts'])
    .map(record)
    .flatMap((host) =>
      list(host['routes'])
        .map(record)
        .map((route) => ({
          table: text(table['name']),
          host: list(host['domains']).map(text)[0] ?? '',
          match: describeMatch(record(route['match'])),
          action: describeAction(route),
          origin: originOf(route['metadata']),
        })),
    );
}

function describeMatch(match: Json): string {
  const { prefix, path, path_separated_prefix: separated, safe_regex: regex, headers } = match;
  const pattern = separated === undefined ? text(prefix) && `${text(prefix)}*` : `${text(separated)}/*`;
  const uri = text(path) || pattern || text(record(regex)['regex']);
  const known = list(headers).map(record);
  const method = known.map(exactMethod).find((value) => value !== '') ?? '';
  const names = known.filter((header) => exactMethod(header) === '').map(({ name }) => text(name));
  return [method, uri, names.length === 0 ? '' : `[${names.join(', ')}]`].filter((part) => part !== '').join(' ');
}

const exactMethod = ({ name, string_match: match }: Json): string =>
  name === ':method' ? text(record(match)['exact']) : '';

function describeAction(route: Json): string {
  const { cluster, weighted_clusters: weighted } = record(route['route']);
  if (route['redirect'] !== undefined) return 'redirect';
  if (route['direct_response'] !== undefined) return `respond ${text(record(route['direct_response'])['status'])}`;
  const shares = list(record(weighted)['clusters']).map(record);
  return text(cluster) || shares.map(({ name, weight }) => `${text(name)} ${text(weight)}`).join(', ');
}

function endpointRows(assignment: Json): Row[] {
  return list(assignment['endpoints'])
    .flatMap((locality) => list(record(locality)['lb_endpoints']))
    .map(record)
    .map(({ endpoint, health_status: health, metadata }) => ({
      cluster: text(assignment['cluster_name']),
      address: addressOf(record(endpoint)['address']),
      workload: text(record(record(record(metadata)['filter_metadata'])['tulle.workload'])['workload']),
      health: text(health) || 'UNKNOWN',
    }));
}

function certificateRows(certificate: unknown): Row[] {
  const { ca_cert: roots, cert_chain: chain } = record(certificate);
  return [...list(chain).map((one) => ['leaf', one]), ...list(roots).map((one) => ['root', one])].map(([kind, one]) => {
    const { serial_number: serial, subject_alt_names: names, expiration_time: expires } = record(one);
    const [name = {}] = list(names).map(record);
    const identity = text(name['uri']) || text(name['dns']);
    return { kind: String(kind), identity, serial: text(serial), expires: text(expires) };
  });
}

const plain = (title: string, key: string): Column<Row> => ({ title, text: (row) => row[key] ?? '' });

const routeColumns = [
  plain('ROUTES', 'table'),
  plain('HOST', 'host'),
  plain('MATCH', 'match'),
  plain('ACTION', 'action'),
  plain('ORIGIN', 'origin'),
];
const endpointColumns = [
  plain('CLUSTER', 'cluster'),
  plain('ENDPOINT', 'address'),
  plain('WORKLOAD', 'workload'),
  plain('HEALTH', 'health'),
];
const certificateColumns = [
  plain('CERTIFICATE', 'kind'),
  plain('IDENTITY', 'identity'),
  plain('SERIAL', 'serial'),
  plain('EXPIRES', 'expires'),
];
