// Istio's standard metrics, one record per exchange: users' dashboards ask for exactly these names and labels.
import type { ListenerConfig } from '../config/types.ts';
import type { Exchange } from '../http/exchange.ts';
import { formatFlags } from '../http/flags.ts';
import type { AccessLog } from './access-log.ts';
import { Histogram } from './histogram.ts';
import { endsOf, heading, type Labels, labelText } from './istio-labels.ts';
import { IstioTcpMetrics } from './istio-tcp-metrics.ts';
import { RecentSeries } from './recent-series.ts';
import type { WorkloadEnd } from './workload-end.ts';

/** All metrics of one set of labels. */
type Series = {
  readonly labels: string;
  requests: number;
  readonly duration: Histogram;
  readonly requestBytes: Histogram;
  readonly responseBytes: Histogram;
};

type Outcome = {
  readonly code: number;
  readonly flags: string;
  readonly protocol: string;
  readonly grpcStatus: string;
};

const MAXIMUM_SERIES = 10_000;
const HISTOGRAMS = [
  [
    'istio_request_duration_milliseconds',
    'duration',
    'Time from the first byte of a request to the last of its response.',
  ],
  ['istio_request_bytes', 'requestBytes', 'Bytes of request bodies.'],
  ['istio_response_bytes', 'responseBytes', 'Bytes of response bodies.'],
] as const;

export class IstioMetrics {
  readonly #own: WorkloadEnd;
  readonly #tcp: IstioTcpMetrics;
  readonly #limit: number;
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
    const log = this.#logOf(config);
    const counted = (chain: ListenerConfig['chains'][number]) => {
      const { network } = chain;
      if (network.kind === 'tcp')
        return { ...chain, network: { ...network, tcp: this.#tcp.observe(config, network.tcp) } };
      if (network.kind !== 'http') return chain;
      const { http } = network;
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
    const all = [...this.#series.values()];
    const counters = all.map(({ labels, requests }) => `istio_requests_total{${labels}} ${requests}\n`);
    const histograms = HISTOGRAMS.map(([name, field, help]) => {
      const series = all.map((each) => each[field].text(name, each.labels)).join('');
      return `${heading(name, 'histogram', help)}${series}`;
    });
    return [
      heading('istio_requests_total', 'counter', 'Requests, by their two ends and how they ended.'),
      ...counters,
      ...histograms,
      heading(
        'tulle_metrics_overflow_total',
        'counter',
        'Requests not counted above: there were too many sets of labels.',
      ),
      `tulle_metrics_overflow_total ${this.#overflow + this.#tcp.overflow}\n`,
      this.#tcp.text(),
    ].join('');
  }

  #logOf({ name, direction, metadata }: ListenerConfig): AccessLog {
    const inbound = direction === 'inbound';
    const ends = inbound ? inboundEnds : outboundEnds;
    const recent = new RecentSeries<Series>();
    const look = (exchange: Exchange, grpcStatus: string | null): Series | null => {
      const outcome = outcomeOf(exchange, grpcStatus);
      const key = `${name}|${outcome.code}|${outcome.flags}|${outcome.grpcStatus}|${ends.key(exchange)}`;
      const series =
        this.#found.get(key) ?? this.#find(key, endsOf(exchange, this.#own, inbound ? metadata : null), outcome);
      if (series !== null) recent.add(exchange, grpcStatus, ends.near(exchange), ends.far(exchange), series);
      return series;
    };
    return {
      write: (exchange, ended) => {
        if (exchange.logType !== 'DownstreamEnd') return;
        const grpcStatus = grpcStatusOf(exchange);
        const series =
          recent.find(exchange, grpcStatus, ends.near(exchange), ends.far(exchange)) ?? look(exchange, grpcStatus);
        if (series === null) return;
        series.requests += 1;
        series.duration.record(ended - exchange.started);
        series.requestBytes.record(exchange.requestBytes);
        series.responseBytes.record(exchange.responseBytes);
      },
    };
  }

  /** null: there are too many series already. */
  #find(key: string, ends: Labels, outcome: Outcome): Series | null {
    const labels = labelText([...ends, ...outcomeLabels(outcome)]);
    let series = this.#series.get(labels);
    if (series === undefined) {
      if (this.#series.size >= this.#limit) {
        this.#overflow += 1;
        return null;
      }
      series = {
        labels,
        requests: 0,
        duration: new Histogram(),
        requestBytes: new Histogram(),
        responseBytes: new Histogram(),
      };
      this.#series.set(labels, series);
    }
    if (this.#found.size >= this.#limit) this.#found.clear();
    this.#found.set(key, series);
    return series;
  }
}

/** What tells the two ends of an exchange, in parts and in one. */
type Ends = {
  near(exchange: Exchange): unknown;
  far(exchange: Exchange): unknown;
  key(exchange: Exchange): string;
};

const inboundEnds: Ends = {
  near: ({ downstream }) => downstream.tls?.uriSans[0],
  far: ({ peer }) => peer,
  key: ({ peer, downstream }) => `${peer}|${downstream.tls?.uriSans[0] ?? ''}`,
};

/** An endpoint that became another workload's has other metadata and the same address: the workload is part of the key. */
const outboundEnds: Ends = {
  near: ({ cluster }) => cluster,
  far: ({ endpoint }) => endpoint?.metadata['tulle.workload'],
  key({ cluster, endpoint }) {
    const end = endpoint?.metadata['tulle.workload'] as { workload?: unknown; version?: unknown } | undefined;
    return `${cluster}|${end?.workload}|${end?.version}`;
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
