// Istio's metrics of connections without HTTP. Bytes of connections that are open are counted when somebody looks: they may last for days.
import type { TcpProxyConfig } from '../config/network-types.ts';
import type { ListenerConfig } from '../config/types.ts';
import type { Exchange } from '../http/exchange.ts';
import { formatFlags } from '../http/flags.ts';
import type { WorkloadEnd } from '../http/workload.ts';
import { endsOf, type Labels, labelText } from './istio-labels.ts';
import { Count, MetricFamily } from './metric-family.ts';
import type { Metric, MetricRules } from './metric-rules.ts';

type Series = {
  readonly opened: Count | null;
  readonly closed: Count | null;
  readonly sent: Count | null;
  readonly received: Count | null;
};

/** A connection that is open, and how much of it was counted. */
type Counted = {
  readonly record: Exchange;
  readonly inbound: ListenerConfig['metadata'] | null;
  readonly rules: MetricRules | null;
  sent: number;
  received: number;
};

export class IstioTcpMetrics {
  readonly #own: WorkloadEnd;
  readonly #limit: number;
  readonly #families = {
    opened: family('tcp_connections_opened_total', 'Connections opened.'),
    closed: family('tcp_connections_closed_total', 'Connections closed.'),
    sent: family('tcp_sent_bytes_total', 'Bytes sent to clients.'),
    received: family('tcp_received_bytes_total', 'Bytes received from clients.'),
  };
  readonly #series = new Map<string, Series>();
  readonly #open = new Set<Counted>();
  /** Connections not counted: there were too many sets of labels. */
  overflow = 0;

  constructor(own: WorkloadEnd, limit: number) {
    this.#own = own;
    this.#limit = limit;
  }

  observe(
    { direction, metadata, rules }: Pick<ListenerConfig, 'direction' | 'metadata'> & Pick<Counted, 'rules'>,
    config: TcpProxyConfig,
  ): TcpProxyConfig {
    const inbound = direction === 'inbound' ? metadata : null;
    return { ...config, onOpened: (record) => this.#opened({ record, inbound, rules, sent: 0, received: 0 }) };
  }

  /** Prometheus text. */
  text(): string {
    for (const counted of this.#open) this.#count(counted);
    return Object.values(this.#families)
      .map((one) => one.text())
      .join('');
  }

  #opened(counted: Counted): () => void {
    const series = this.#seriesOf(counted);
    if (series === null) this.overflow += 1;
    else add(series.opened, 1);
    this.#open.add(counted);
    return () => {
      this.#open.delete(counted);
      const last = this.#count(counted);
      if (last !== null) add(last.closed, 1);
    };
  }

  /** What passed since the last time. */
  #count(counted: Counted): Series | null {
    const series = this.#seriesOf(counted);
    const { requestBytes, responseBytes } = counted.record;
    if (series !== null) {
      add(series.sent, responseBytes - counted.sent);
      add(series.received, requestBytes - counted.received);
    }
    counted.sent = responseBytes;
    counted.received = requestBytes;
    return series;
  }

  /** null: there are too many already. */
  #seriesOf({ record, inbound, rules }: Counted): Series | null {
    const denied = record.terminationDetails.startsWith('rbac_access_denied');
    const labels: Labels = [
      ...endsOf(record, this.#own, inbound, rules),
      ['request_protocol', 'tcp'],
      ['response_flags', denied ? 'RBAC' : formatFlags(record.flags)],
    ];
    const values = rules?.valuesOf({ exchange: record, response: null, ended: 0 }) ?? [];
    const whole = [rules?.digest, labelText(labels), ...values].join('|');
    const known = this.#series.get(whole);
    if (known !== undefined || this.#series.size >= this.#limit) return known ?? null;
    const labelled = { labels, rules, values };
    const { opened, closed, sent, received } = this.#families;
    const series = {
      opened: opened.of(labelled),
      closed: closed.of(labelled),
      sent: sent.of(labelled),
      received: received.of(labelled),
    };
    this.#series.set(whole, series);
    return series;
  }
}

const family = (metric: Metric, help: string) => new MetricFamily(metric, help, () => new Count());

function add(count: Count | null, amount: number): void {
  if (count !== null) count.value += amount;
}
