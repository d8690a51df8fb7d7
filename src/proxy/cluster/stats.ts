// Counters and gauges of one cluster under Envoy's names (`cluster.<name>.<field>`). Plain numbers: whoever prints them reads them.

export class ClusterStats {
  upstream_cx_total = 0;
  upstream_cx_active = 0;
  upstream_cx_connect_fail = 0;
  upstream_cx_connect_timeout = 0;
  upstream_cx_connect_attempts_exceeded = 0;
  upstream_cx_none_healthy = 0;
  upstream_cx_overflow = 0;
  upstream_cx_idle_timeout = 0;
  upstream_cx_max_requests = 0;
  upstream_cx_destroy = 0;
  upstream_cx_protocol_error = 0;
  upstream_rq_total = 0;
  upstream_rq_active = 0;
  upstream_rq_completed = 0;
  upstream_rq_1xx = 0;
  upstream_rq_2xx = 0;
  upstream_rq_3xx = 0;
  upstream_rq_4xx = 0;
  upstream_rq_5xx = 0;
  upstream_rq_pending_total = 0;
  upstream_rq_pending_active = 0;
  upstream_rq_pending_overflow = 0;
  upstream_rq_pending_failure_eject = 0;
  upstream_rq_cancelled = 0;
  upstream_rq_timeout = 0;
  upstream_rq_per_try_timeout = 0;
  upstream_rq_rx_reset = 0;
  upstream_rq_tx_reset = 0;
  upstream_rq_retry = 0;
  upstream_rq_retry_success = 0;
  upstream_rq_retry_limit_exceeded = 0;
  upstream_rq_retry_overflow = 0;
  membership_total = 0;
  membership_healthy = 0;
  membership_change = 0;
  ssl_handshake = 0;
  ssl_fail_verify_error = 0;
  ssl_fail_verify_san = 0;
  ssl_connection_error = 0;
  outlier_detection_ejections_active = 0;
  outlier_detection_ejections_enforced_total = 0;
  outlier_detection_ejections_overflow = 0;

  countResponse(status: number): void {
    this.upstream_rq_completed += 1;
    if (status < 200) this.upstream_rq_1xx += 1;
    else if (status < 300) this.upstream_rq_2xx += 1;
    else if (status < 400) this.upstream_rq_3xx += 1;
    else if (status < 500) this.upstream_rq_4xx += 1;
    else this.upstream_rq_5xx += 1;
  }
}
