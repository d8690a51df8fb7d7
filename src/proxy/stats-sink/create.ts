// The sinks of a bootstrap.
import { unreachable } from '../../lib/unreachable.ts';
import type { BoundsOf } from '../admin/prometheus.ts';
import type { NameTagger } from '../admin/statistic-tags.ts';
import type { StatsSinkConfig } from '../bootstrap/stats-sinks.ts';
import type { ClusterClient } from '../client/cluster-client.ts';
import { MetricsServiceSink } from './metrics-service.ts';
import { OpenTelemetrySink } from './open-telemetry.ts';
import type { Sink } from './reporter.ts';
import { StatsdSink } from './statsd.ts';
import { StatsdTcpSink } from './statsd-tcp.ts';

export function createSink(
  config: StatsSinkConfig,
  client: Pick<ClusterClient, 'http' | 'stream' | 'connect'>,
  node: { readonly id: string; readonly cluster: string },
  tagger: NameTagger,
  boundsOf: BoundsOf,
): Sink {
  switch (config.kind) {
    case 'statsd':
      return new StatsdSink(config, tagger);
    case 'statsd-tcp':
      return new StatsdTcpSink(config, client, tagger);
    case 'metrics-service':
      return new MetricsServiceSink(config, client, node, tagger, boundsOf);
    case 'open-telemetry':
      return new OpenTelemetrySink(config, client, tagger, boundsOf);
    default:
      return unreachable(config);
  }
}
