// Counters and gauges of a connection manager under Envoy's names (`http.<stat_prefix>.<field>`).

import { Histogram } from '../../lib/histogram.ts';
import type { Protocol } from '../http/message.ts';
import type { CodecFault } from '../http/stream.ts';
import { Http2Stats } from '../http2/stats.ts';

export class HttpStats {
  /** Of the connections that speak HTTP/2. */
  readonly http2 = new Http2Stats();
  downstream_cx_upgrades_total = 0;
  downstream_cx_http1_total = 0;
  downstream_cx_http2_total = 0;
  downstream_rq_http1_total = 0;
  downstream_rq_http2_total = 0;
  /** Milliseconds of whole exchanges. */
  readonly downstream_rq_time = new Histogram();
  downstream_cx_total = 0;
  downstream_cx_active = 0;
  downstream_cx_destroy = 0;
  downstream_cx_protocol_error = 0;
  downstream_cx_ssl_total = 0;
  downstream_cx_ssl_active = 0;
  downstream_cx_drain_close = 0;
  downstream_cx_idle_timeout = 0;
  downstream_cx_delayed_close_timeout = 0;
  downstream_cx_max_duration_reached = 0;
  downstream_cx_max_requests_reached = 0;
  downstream_rq_total = 0;
  downstream_rq_active = 0;
  downstream_rq_completed = 0;
  downstream_rq_1xx = 0;
  downstream_rq_2xx = 0;
  downstream_rq_3xx = 0;
  downstream_rq_4xx = 0;
  downstream_rq_5xx = 0;
  downstream_rq_rx_reset = 0;
  downstream_rq_tx_reset = 0;
  downstream_rq_response_before_rq_complete = 0;
  downstream_rq_timeout = 0;
  downstream_rq_header_timeout = 0;
  downstream_rq_idle_timeout = 0;
  downstream_rq_too_large = 0;
  downstream_rq_failed_path_normalization = 0;
  downstream_rq_redirected_with_normalized_path = 0;
  rs_too_large = 0;
  downstream_rq_overload_close = 0;
  downstream_cx_overload_disable_keepalive = 0;
  downstream_rq_max_duration_reached = 0;
  passthrough_internal_redirect_bad_location = 0;
  passthrough_internal_redirect_unsafe_scheme = 0;
  passthrough_internal_redirect_too_many_redirects = 0;
  passthrough_internal_redirect_no_route = 0;
  passthrough_internal_redirect_predicate = 0;
  no_route = 0;
  no_cluster = 0;
  /** Exceptions while handling a request: bugs. Not one of Envoy's. */
  uncaught_exceptions = 0;

  countRequest(protocol: Protocol): void {
    this.downstream_rq_total += 1;
    this.downstream_rq_active += 1;
    if (protocol === 'HTTP/2') this.downstream_rq_http2_total += 1;
    else this.downstream_rq_http1_total += 1;
  }

  countFault({ late, status, details }: CodecFault): void {
    if (late === 'head') this.downstream_rq_header_timeout += 1;
    else if (late === 'request') this.downstream_rq_timeout += 1;
    else if (late === 'idle') this.downstream_rq_idle_timeout += 1;
    else if (late === 'duration') this.downstream_rq_max_duration_reached += 1;
    // A missing Host is the connection manager's complaint in Envoy, not the codec's.
    else if (details !== 'missing_host_header') this.downstream_cx_protocol_error += 1;
    if (status === 431) this.downstream_rq_too_large += 1;
  }

  countResponse(status: number): void {
    this.downstream_rq_completed += 1;
    if (status < 200) this.downstream_rq_1xx += 1;
    else if (status < 300) this.downstream_rq_2xx += 1;
    else if (status < 400) this.downstream_rq_3xx += 1;
    else if (status < 500) this.downstream_rq_4xx += 1;
    else this.downstream_rq_5xx += 1;
  }
}
