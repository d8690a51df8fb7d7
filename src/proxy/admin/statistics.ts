// Counters and gauges as Envoy prints them: `/stats` by their full names, `/stats/prometheus` with the variable part as a label.

export type Statistic = readonly [name: string, value: number];

export function statisticsText(statistics: Iterable<Statistic>, filter: string): string {
  const lines = [...statistics].filter(([name]) => name.includes(filter));
  return lines
    .map(([name, value]) => `${name}: ${value}\n`)
    .sort()
    .join('');
}

/** Samples of one metric stand together under one TYPE line, as the exposition format demands. */
export function prometheusText(statistics: Iterable<Statistic>): string {
  const metrics = new Map<string, string[]>();
  for (const [name, value] of statistics) {
    const { metric, label } = splitName(name);
    const samples = metrics.get(metric) ?? [];
    metrics.set(metric, samples);
    samples.push(`${metric}${label} ${value}\n`);
  }
  return [...metrics]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([metric, samples]) => `# TYPE ${metric} ${isGauge(metric) ? 'gauge' : 'counter'}\n${samples.join('')}`)
    .join('');
}

const labels: Readonly<Record<string, string>> = {
  cluster: 'envoy_cluster_name',
  http: 'envoy_http_conn_manager_prefix',
  listener: 'envoy_listener_address',
};

/** `cluster.outbound|80||a.b.upstream_rq_total`: kind, a name that may hold dots, and a field that holds none. */
function splitName(name: string): { metric: string; label: string } {
  const [kind = ''] = name.split('.', 1);
  const field = name.slice(name.lastIndexOf('.') + 1);
  const label = labels[kind];
  if (label === undefined) return { metric: `envoy_${name.replace(/[^a-zA-Z0-9_]/g, '_')}`, label: '' };
  const value = name
    .slice(kind.length + 1, -field.length - 1)
    .replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));
  return { metric: `envoy_${kind}_${field}`, label: `{${label}="${value}"}` };
}

function isGauge(metric: string): boolean {
  return metric.endsWith('_active') || /_membership_(total|healthy)$/.test(metric);
}
