// Counters and gauges of one listener under Envoy's names (`listener.<name>.<field>`).

import { Histogram } from '../../lib/histogram.ts';
import { TlsCounts } from '../http/tls-counts.ts';

export class ListenerStats {
  readonly downstream_cx_length_ms = new Histogram();
  downstream_cx_total = 0;
  downstream_cx_active = 0;
  downstream_cx_destroy = 0;
  downstream_pre_cx_active = 0;
  downstream_pre_cx_timeout = 0;
  /** Over the listener's own limit, over that of the process, and refused by the overload manager. */
  downstream_cx_overflow = 0;
  downstream_global_cx_overflow = 0;
  downstream_cx_overload_reject = 0;
  no_filter_chain_match = 0;
  downstream_cx_transport_socket_connect_timeout = 0;
  readonly ssl = new TlsCounts();
  /** Exceptions while handling a connection: bugs. Not one of Envoy's. */
  uncaught_exceptions = 0;
}
