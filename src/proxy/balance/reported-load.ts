// Weights from what endpoints say of their load (ORCA): requests per second by utilization, as Envoy's client_side_weighted_round_robin and
// gRPC's weighted_round_robin (gRFC A58) have it.
import type { ReportedLoadConfig } from '../config/cluster-types.ts';

/** Of `xds.data.orca.v3.OrcaLoadReport`. */
export type LoadReport = {
  readonly cpuUtilization: number;
  readonly memUtilization: number;
  readonly applicationUtilization: number;
  /** Errors per second. */
  readonly eps: number;
  /** Requests per second. */
  readonly rpsFractional: number;
  readonly namedMetrics: Readonly<Record<string, number>>;
  readonly utilization: Readonly<Record<string, number>>;
  readonly requestCost: Readonly<Record<string, number>>;
};

type Timing = Pick<ReportedLoadConfig, 'blackout' | 'expiration'>;

const LARGEST = 2 ** 32 - 1;

/** What one endpoint has said. */
export class ReportedLoad {
  readonly #config: ReportedLoadConfig;
  #weight = 1;
  /** When it began to speak; Infinity: it has not, or not for long. */
  #since = Number.POSITIVE_INFINITY;
  #last = Number.NEGATIVE_INFINITY;

  constructor(config: ReportedLoadConfig) {
    this.#config = config;
  }

  /** Whether it makes a weight; else it changes nothing. */
  report(load: LoadReport, now: number): boolean {
    const weight = weightOf(load, this.#config);
    if (weight === null) return false;
    this.#weight = weight;
    this.#last = now;
    this.#since = Math.min(this.#since, now);
    return true;
  }

  /** null: its reports are too new, or too old. After a silence the first ones are too new again. */
  weight(now: number, { blackout, expiration }: Timing): number | null {
    if (now - blackout < this.#since) return null;
    if (this.#last >= now - expiration) return this.#weight;
    this.#since = Number.POSITIVE_INFINITY;
    return null;
  }
}

/** The weights of endpoints of one priority, in their order: those of which none is known get the mean of the others. */
export function weightsByLoad(loads: readonly (ReportedLoad | null)[], now: number, timing: Timing): readonly number[] {
  const weights = loads.map((load) => load?.weight(now, timing) ?? null);
  const known = weights.filter((weight) => weight !== null);
  const mean = Math.trunc(known.reduce((sum, weight) => sum + weight, 0) / Math.max(known.length, 1));
  return weights.map((weight) => Math.max(weight ?? mean, 1));
}

/** null: no requests, or nothing used. */
export function weightOf(
  load: LoadReport,
  { errorPenalty, metrics }: Pick<ReportedLoadConfig, 'errorPenalty' | 'metrics'>,
): number | null {
  const { rpsFractional: rate, eps } = load;
  if (!(rate > 0)) return null;
  const used = utilizationOf(load, metrics) + (errorPenalty * eps) / rate;
  return used > 0 ? Math.min(Math.trunc(rate / used), LARGEST) : null;
}

/** The application's own figure, else the scarcest of the metrics named, else the CPU. */
function utilizationOf(load: LoadReport, metrics: readonly string[]): number {
  if (load.applicationUtilization > 0) return load.applicationUtilization;
  const scarcest = Math.max(0, ...metrics.flatMap((name) => valuesOf(load, name)));
  return scarcest > 0 ? scarcest : load.cpuUtilization;
}

/** `cpu_utilization`, `named_metrics.queue`, `utilization.*`: none where the report has no such value. */
function valuesOf(load: LoadReport, name: string): readonly number[] {
  switch (name) {
    case 'cpu_utilization':
      return [load.cpuUtilization];
    case 'mem_utilization':
      return [load.memUtilization];
    case 'application_utilization':
      return [load.applicationUtilization];
    default:
      return valuesIn(load, name);
  }
}

function valuesIn(load: LoadReport, name: string): readonly number[] {
  const dot = name.indexOf('.');
  const map = mapOf(load, name.slice(0, dot));
  const key = name.slice(dot + 1);
  if (key === '*') return Object.values(map);
  return Object.hasOwn(map, key) ? [map[key]!] : [];
}

function mapOf(load: LoadReport, name: string): Readonly<Record<string, number>> {
  switch (name) {
    case 'named_metrics':
      return load.namedMetrics;
    case 'utilization':
      return load.utilization;
    case 'request_cost':
      return load.requestCost;
    default:
      return {};
  }
}
