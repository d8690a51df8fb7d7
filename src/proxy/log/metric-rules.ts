// How a listener's traffic becomes Istio's metrics, as Istio's Telemetry API says it: metrics left out, labels removed, replaced and added.
import { toBinary } from '@bufbuild/protobuf';
import {
  type MetricConfig,
  type PluginConfig,
  PluginConfigSchema,
  Reporter,
} from '../../xds/gen/istio/stats/config_pb.ts';
import { at, ConfigError } from '../config/config-error.ts';
import { compileText, type Expression, rootsOf } from '../expression/expression.ts';
import type { Seen } from '../expression/seen.ts';
import type { Labels } from './istio-labels.ts';

export type MetricRules = {
  /** Rules of the same digest are the same. */
  readonly digest: string;
  /** A service that the control plane does not name is called what the Host header says. */
  readonly namesByHost: boolean;
  /** What the expressions say of an exchange, in their order; NOTHING where there are none. */
  valuesOf(seen: Seen): readonly string[];
  /** Labels of that metric (without `istio_`); null: it is not made. */
  labelsOf(metric: Metric, labels: Labels, values: readonly string[]): Labels | null;
};

/** Without `istio_`. */
const METRICS = [
  'requests_total',
  'request_duration_milliseconds',
  'request_bytes',
  'response_bytes',
  'request_messages_total',
  'response_messages_total',
  'tcp_connections_opened_total',
  'tcp_connections_closed_total',
  'tcp_sent_bytes_total',
  'tcp_received_bytes_total',
] as const;
export type Metric = (typeof METRICS)[number];

const NOTHING: readonly string[] = [];

/** Of one metric. `changes`: by label, where the value is among those of the expressions; null: the label is removed. */
type MetricRule = { dropped: boolean; readonly changes: Map<string, number | null> };

export function compileMetricRules(config: PluginConfig, path: string): MetricRules {
  if (config.reporter !== Reporter.UNSPECIFIED) throw new ConfigError(at(path, 'reporter'), 'must be UNSPECIFIED');
  const expressions: Expression[] = [];
  const rules = new Map<Metric, MetricRule>(METRICS.map((metric) => [metric, { dropped: false, changes: new Map() }]));
  config.metrics.forEach((one, i) => {
    const here = `${at(path, 'metrics')}[${i}]`;
    const chosen = metricsOf(one, here).map((metric) => rules.get(metric)!);
    const changes = changesOf(one, expressions, here);
    for (const rule of chosen) {
      if (one.drop) rule.dropped = true;
      else for (const [label, change] of changes) rule.changes.set(label, change);
    }
  });
  return {
    digest: Buffer.from(toBinary(PluginConfigSchema, config)).toString('base64'),
    namesByHost: !config.disableHostHeaderFallback,
    valuesOf: (seen) => (expressions.length === 0 ? NOTHING : expressions.map((expression) => told(expression, seen))),
    labelsOf(metric, labels, values) {
      const { dropped, changes } = rules.get(metric)!;
      if (dropped) return null;
      return changes.size === 0 ? labels : changed(labels, changes, values);
    },
  };
}

/** Without a name, all of them. */
function metricsOf({ name }: MetricConfig, path: string): readonly Metric[] {
  if (name === '') return METRICS;
  const metric = METRICS.find((one) => one === name);
  if (metric === undefined) throw new ConfigError(at(path, 'name'), `${name} is no metric (hint: requests_total)`);
  return [metric];
}

function changesOf(
  { tagsToRemove, dimensions }: MetricConfig,
  expressions: Expression[],
  path: string,
): Map<string, number | null> {
  const changes = new Map<string, number | null>(tagsToRemove.map((label) => [label, null]));
  for (const label of Object.keys(dimensions).sort()) {
    const text = dimensions[label] ?? '';
    changes.set(labelName(label), expressions.push(compileDimension(text, `${at(path, 'dimensions')}[${label}]`)) - 1);
  }
  return changes;
}

/** What Istio's proxy has beside Envoy's attributes. */
const REFUSED = ['node', 'upstream_peer', 'downstream_peer'];

function compileDimension(text: string, path: string): Expression {
  const roots = rootsOf(text, path);
  const refused = REFUSED.find((name) => roots.has(name));
  if (refused !== undefined) throw new ConfigError(path, `${refused} is not supported`);
  return compileText(text, path);
}

/** Labels that there are already stay where they are, others follow. */
function changed(labels: Labels, changes: MetricRule['changes'], values: readonly string[]): Labels {
  const own = new Set(labels.map(([name]) => name));
  const textOf = (change: number) => values[change] ?? '';
  const kept = labels.flatMap(([name, value]): Labels => {
    const change = changes.get(name);
    if (change === undefined) return [[name, value]];
    return change === null ? [] : [[name, textOf(change)]];
  });
  const added = [...changes].flatMap(([name, change]): Labels => {
    return change === null || own.has(name) ? [] : [[name, textOf(change)]];
  });
  return [...kept, ...added];
}

/** As Envoy's exposition writes it. */
const labelName = (text: string): string => text.replace(/[^a-zA-Z0-9_]/g, '_');

/** Texts of expressions are bytes. */
function told(expression: Expression, seen: Seen): string {
  const text = expression.text(seen);
  return text === undefined ? 'unknown' : Buffer.from(text, 'latin1').toString();
}
