// Istio's metrics of connections without HTTP. Bytes of connections that are open are counted when somebody looks: they may last for days.
import type { TcpProxyConfig } from '../config/network-types.ts';
import type { ListenerConfig } from '../config/types.ts';
import type { Exchange } from '../http/exchange.ts';
import { formatFlags } from '../http/flags.ts';
import { endsOf, heading, labelText } from './istio-labels.ts';
import type { WorkloadEnd } from './workload-end.ts';

const COUNTERS = [
  ['istio_tcp_connections_opened_total', 'opened', 'Connections opened.'],
  ['istio_tcp_connections_closed_total', 'closed', 'Connections closed.'],
  ['istio_tcp_sent_bytes_total', 'sent', 'Bytes sent to clients.'],
  ['istio_tcp_received_bytes_total', 'received', 'Bytes received from clients.'],
] as const;

type Series = { readonly labels: string; opened: number; closed: number; sent: number; received: number };

/** A connection that is open, and how much of it was counted. */
type Counted = {
  readonly record: Exchange;
  readonly inbound: ListenerConfig['metadata'] | null;
  sent: number;
  received: number;
};

export class IstioTcpMetrics {
  readonly #own: WorkloadEnd;
  readonly #limit: number;
  readonly #series = new Map<string, Series>();
  readonly #open = new Set<Counted>();
  /** Connections not counted: there were too many sets of labels. */
  overflow = 0;

  constructor(own: WorkloadEnd, limit: number) {
    this.#own = own;
    this.#limit = limit;
  }

  observe({ direction, metadata }: ListenerConfig, config: TcpProxyConfig): TcpProxyConfig {
    const inbound = direction === 'inbound' ? metadata : null;
    return { ...config, onOpened: (record) => this.#opened({ record, inbound, sent: 0, received: 0 }) };
  }

  /** Prometheus text. */
  text(): string {
    for (const counted of this.#open) this.#count(counted);
    const all = [...this.#series.values()];
    return COUNTERS.map(([name, field, help]) => {
      const samples = all.map((series) => `${name}{${series.labels}} ${series[field]}\n`).join('');
      return `${heading(name, 'counter', help)}${samples}`;
    }).join('');
  }

  #opened(counted: Counted): () => void {
    const series = this.#seriesOf(counted);
    if (series === null) this.overflow += 1;
    else series.opened += 1;
    this.#open.add(counted);
    return () => {
      this.#open.delete(counted);
      const last = this.#count(counted);
      if (last !== null) last.closed += 1;
    };
  }

  /** What passed since the last time. */
  #count(counted: Counted): Series | null {
    const series = this.#seriesOf(counted);
    const { requestBytes, responseBytes } = counted.record;
    if (series !== null) {
      series.sent += responseBytes - counted.sent;
      series.received += requestBytes - counted.received;
    }
    counted.sent = responseBytes;
    counted.received = requestBytes;
    return series;
  }

  /** null: there are too many already. */
  #seriesOf({ record, inbound }: Counted): Series | null {
    const denied = record.terminationDetails.startsWith('rbac_access_denied');
    const labels = labelText([
      ...endsOf(record, this.#own, inbound),
      ['request_protocol', 'tcp'],
      ['response_flags', denied ? 'RBAC' : formatFlags(record.flags)],
    ]);
    const known = this.#series.get(labels);
    if (known !== undefined || this.#series.size >= this.#limit) return known ?? null;
    const series = { labels, opened: 0, closed: 0, sent: 0, received: 0 };
    this.#series.set(labels, series);
    return series;
  }
}
