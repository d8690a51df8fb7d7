// The contract of an access log: called when an exchange is over, and before where `access_log_options` ask for it (`Exchange.logType`).
import type { ClusterClient } from '../client/cluster-client.ts';
import type { RuntimeLookup } from '../config/runtime-keys.ts';
import type { Exchange } from '../http/exchange.ts';
import type { ExporterServices } from '../tracing/exporter.ts';

/** What a log that sends its lines needs. */
export type LogServices = ExporterServices & {
  readonly client: Pick<ClusterClient, 'stream'>;
  readonly runtime: RuntimeLookup;
  readonly node: { readonly id: string; readonly cluster: string; readonly zone: string };
  /** Counters by their full name, shared by all that ask for one. */
  filterStats<Stats extends object>(name: string, make: () => Stats): Stats;
};

export type AccessLog = {
  /** For logs that need the running proxy: what writes in it. Others write at once. */
  open?(services: LogServices): AccessLog;
  /** `ended` is monotonic milliseconds, 0 while the exchange goes on. Must not throw and must not block: writers buffer and drop with a count. */
  write(exchange: Exchange, ended: number): void;
};
