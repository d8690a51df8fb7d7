// Istio's standard metrics, one record per exchange: users' dashboards ask for exactly these names and labels.
import type { ListenerConfig } from '../config/types.ts';
import type { Exchange } from '../http/exchange.ts';
import { formatFlags } from '../http/flags.ts';
import type { WorkloadEnd } from '../http/workload.ts';
import type { AccessLog } from './access-log.ts';
import { Histogram } from './histogram.ts';
import { endsOf, heading, type Labels, labelText, workloadOf } from './istio-labels.ts';
import { IstioTcpMetrics } from './istio-tcp-metrics.ts';
import { Count, type Labelled, MetricFamily } from './metric-family.ts';
import type { Metric, MetricRules } from './metric-rules.ts';
import { RecentSeries } from './recent-series.ts';

/** All metrics of one set of labels; null: the rules of the listener leave it out. */
type Series = {
  readonly requests: Count | null;
  readonly duration: Histogram | null;
  readonly requestBytes: Histogram | null;
  readonly responseBytes: Histogram | null;
  readonly requestMessages: Count | null;
  readonly responseMessages: Count | null;
};

type Outcome = {
  readonly code: number;
  readonly flags: string;
  readonly protocol: string;
  readonly grpcStatus: string;
};

/** A listener, and how its metrics are made. */
type Observed = Pick<ListenerConfig, 'name' | 'direction' | 'metadata'> & { readonly rules: MetricRules | null };

const MAXIMUM_SERIES = 10_000;
const NO_VALUES: readonly string[] = [];
/** Where grpc_stats leaves how many messages went up and down. */
const MESSAGES = 'envoy.filters.http.grpc_stats';

export class IstioMetrics {
  readonly #own: WorkloadEnd;
  readonly #tcp: IstioTcpMetrics;
  readonly #limit: number;
  readonly #families = {
    requests: counters('requests_total', 'Requests, by their two ends and how they ended.'),
    duration: histograms(
      'request_duration_milliseconds',
      'Time from the first byte of a request to the last of its response.',
    ),
    requestBytes: histograms('request_bytes', 'Bytes of request bodies.'),
    responseBytes: histograms('response_bytes', 'Bytes of response bodies.'),
    requestMessages: counters('request_messages_total', 'Messages of gRPC from clients.'),
    responseMessages: counters('response_messages_total', 'Messages of gRPC to clients.'),
  };
  readonly #series = new Map<string, Series>();
  /** Finds a series without building its labels; emptied when it grows too large. */
  readonly #found = new Map<string, Series>();
  #overflow = 0;

  constructor(own: WorkloadEnd, limit = MAXIMUM_SERIES) {
    this.#own = own;
    this.#tcp = new IstioTcpMetrics(own, limit);
    this.#limit = limit;
  }

  /** The same listener, whose exchanges and connections are counted. Inbound ones are reported as their destination, others as their source. */
  observe(config: ListenerConfig): ListenerConfig {
    const counted = (chain: ListenerConfig['chains'][number]) => {
      const { network, networkFilters } = chain;
      if (network.kind === 'tcp') {
        const tcp = this.#tcp.observe({ ...config, rules: rulesIn(networkFilters) }, network.tcp);
        return { ...chain, network: { ...network, tcp } };
      }
      if (network.kind !== 'http') return chain;
      const { http } = network;
      const log = this.#logOf({ ...config, rules: rulesIn(http.filters) });
      return { ...chain, network: { ...network, http: { ...http, accessLogs: [...http.accessLogs, log] } } };
    };
    return {
      ...config,
      chains: config.chains.map(counted),
      defaultChain: config.defaultChain === null ? null : counted(config.defaultChain),
    };
  }

  /** Prometheus text. */
  text(): string {
    return [
      ...Object.values(this.#families).map((family) => family.text()),
      heading(
        'tulle_metrics_overflow_total',
        'counter',
        'Requests not counted above: there were too many sets of labels.',
      ),
      `tulle_metrics_overflow_total ${this.#overflow + this.#tcp.overflow}\n`,
      this.#tcp.text(),
    ].join('');
  }

  #logOf(observed: Observed): AccessLog {
    const { rules } = observed;
    const recent = new RecentSeries<Series>();
    const ends = observed.direction === 'inbound' ? inboundEnds : outboundEnds;
    const find = (exchange: Exchange, grpcStatus: string | null, ended: number): Series | null => {
      const values = rules?.valuesOf({ exchange, response: exchange.response, ended }) ?? NO_VALUES;
      // Expressions, and names that clients say, are not what entries are compared by.
      const isPlain = rules === null || (values.length === 0 && !rules.namesByHost);
      const [near, far] = [ends.near(exchange), ends.far(exchange)];
      const known = isPlain ? recent.find(exchange, grpcStatus, near, far) : null;
      if (known !== null) return known;
      const series = this.#look(observed, outcomeOf(exchange, grpcStatus), exchange, values);
      if (isPlain && series !== null) recent.add(exchange, grpcStatus, near, far, series);
      return series;
    };
    return {
      write: (exchange, ended) => {
        if (exchange.logType !== 'DownstreamEnd') return;
        const grpcStatus = grpcStatusOf(exchange);
        const series = find(exchange, grpcStatus, ended);
        if (series !== null) record(series, exchange, grpcStatus !== null, ended);
      },
    };
  }

  /** null: there are too many series already. */
  #look(observed: Observed, outcome: Outcome, exchange: Exchange, values: readonly string[]): Series | null {
    const { rules, direction, name } = observed;
    const ends = direction === 'inbound' ? inboundEnds : outboundEnds;
    const { code, flags, grpcStatus } = outcome;
    const host = rules?.namesByHost === true ? exchange.request.authority : '';
    const key = [name, code, flags, grpcStatus, ends.key(exchange), rules?.digest, host, ...values].join('|');
    const known = this.#found.get(key);
    if (known !== undefined) return known;
    const inbound = direction === 'inbound' ? observed.metadata : null;
    const labels = [...endsOf(exchange, this.#own, inbound, rules), ...outcomeLabels(outcome)];
    const series = this.#make({ labels, rules, values });
    if (series === null) return null;
    if (this.#found.size >= this.#limit) this.#found.clear();
    this.#found.set(key, series);
    return series;
  }

  #make(labelled: Labelled): Series | null {
    const { rules, labels, values } = labelled;
    const whole = [rules?.digest, labelText(labels), ...values].join('|');
    const known = this.#series.get(whole);
    if (known !== undefined) return known;
    if (this.#series.size >= this.#limit) {
      this.#overflow += 1;
      return null;
    }
    const { requests, duration, requestBytes, responseBytes, requestMessages, responseMessages } = this.#families;
    const isGrpc = labels.some(([name, value]) => name === 'request_protocol' && value === 'grpc');
    const series: Series = {
      requests: requests.of(labelled),
      duration: duration.of(labelled),
      requestBytes: requestBytes.of(labelled),
      responseBytes: responseBytes.of(labelled),
      requestMessages: isGrpc ? requestMessages.of(labelled) : null,
      responseMessages: isGrpc ? responseMessages.of(labelled) : null,
    };
    this.#series.set(whole, series);
    return series;
  }
}

const counters = (metric: Metric, help: string) => new MetricFamily(metric, help, () => new Count());
const histograms = (metric: Metric, help: string) => new MetricFamily(metric, help, () => new Histogram());

/** Those of the first filter that has any. */
function rulesIn(filters: readonly { readonly metrics?: MetricRules }[]): MetricRules | null {
  return filters.find(({ metrics }) => metrics !== undefined)?.metrics ?? null;
}

function record(series: Series, exchange: Exchange, isGrpc: boolean, ended: number): void {
  if (series.requests !== null) series.requests.value += 1;
  series.duration?.record(ended - exchange.started);
  series.requestBytes?.record(exchange.requestBytes);
  series.responseBytes?.record(exchange.responseBytes);
  if (!isGrpc) return;
  const [up = '0', down = '0'] = exchange.filterState?.get(MESSAGES)?.split(',') ?? [];
  if (series.requestMessages !== null) series.requestMessages.value += Number(up);
  if (series.responseMessages !== null) series.responseMessages.value += Number(down);
}

/** What tells the two ends of an exchange, in parts and in one. */
type Ends = {
  near(exchange: Exchange): unknown;
  far(exchange: Exchange): unknown;
  key(exchange: Exchange): string;
};

const inboundEnds: Ends = {
  near: ({ downstream }) => downstream.tls?.uriSans[0],
  far: ({ downstreamPeer, peer }) => downstreamPeer ?? peer,
  key: ({ downstreamPeer, peer, downstream, cluster }) =>
    `${downstreamPeer?.said ?? peer}|${downstream.tls?.uriSans[0] ?? ''}|${cluster}`,
};

/** An endpoint that became another workload's has other metadata and the same address: the workload is part of the key. */
const outboundEnds: Ends = {
  near: ({ cluster }) => cluster,
  far: ({ upstreamPeer, endpoint }) => upstreamPeer ?? workloadOf(endpoint),
  key({ cluster, upstreamPeer, endpoint, route }) {
    const end = workloadOf(endpoint) as { workload?: unknown; version?: unknown } | undefined;
    return `${cluster}|${upstreamPeer?.said ?? ''}|${end?.workload}|${end?.version}|${route?.name ?? ''}`;
  },
};

/** null where it is no gRPC, '' where there is no status. */
function grpcStatusOf({ request, response }: Exchange): string | null {
  const grpc = request.headers.get('content-type')?.startsWith('application/grpc') ?? false;
  return grpc ? (response?.headers.get('grpc-status') ?? '') : null;
}

function outcomeOf({ response, details, flags }: Exchange, grpcStatus: string | null): Outcome {
  return {
    code: response?.status ?? 0,
    // Envoy has no flag for it; a refusal must be told from an application's own 403.
    flags: details.startsWith('rbac_access_denied') ? 'RBAC' : formatFlags(flags),
    protocol: grpcStatus === null ? 'http' : 'grpc',
    grpcStatus: grpcStatus ?? '',
  };
}

const outcomeLabels = ({ code, flags, protocol, grpcStatus }: Outcome): Labels => [
  ['request_protocol', protocol],
  ['response_code', String(code)],
  ['grpc_response_status', grpcStatus],
  ['response_flags', flags],
];
