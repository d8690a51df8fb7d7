// Counters and gauges of one cluster under Envoy's names (`cluster.<name>.<field>`, groups as `<group>.<field>`). Plain numbers:
// whoever prints them reads them.

export class HealthStats {
  attempt = 0;
  success = 0;
  failure = 0;
  passive_failure = 0;
  network_failure = 0;
}

export class OutlierStats {
  ejections_active = 0;
  ejections_enforced_total = 0;
  ejections_overflow = 0;
  ejections_detected_consecutive_5xx = 0;
  ejections_enforced_consecutive_5xx = 0;
  ejections_detected_consecutive_gateway_failure = 0;
  ejections_enforced_consecutive_gateway_failure = 0;
  ejections_detected_consecutive_local_origin_failure = 0;
  ejections_enforced_consecutive_local_origin_failure = 0;
  ejections_detected_success_rate = 0;
  ejections_enforced_success_rate = 0;
  ejections_detected_local_origin_success_rate = 0;
  ejections_enforced_local_origin_success_rate = 0;
  ejections_detected_failure_percentage = 0;
  ejections_enforced_failure_percentage = 0;
  ejections_detected_local_origin_failure_percentage = 0;
  ejections_enforced_local_origin_failure_percentage = 0;
}

import { Histogram } from '../../lib/histogram.ts';
import { ResponseCounts } from '../http/response-counts.ts';
import { TlsCounts } from '../http/tls-counts.ts';

export class ClusterStats extends ResponseCounts {
  /** Milliseconds from the complete request to the complete response. */
  readonly upstream_rq_time = new Histogram();
  readonly upstream_cx_connect_ms = new Histogram();
  /** Of responses that were not passed on but retried; null: there were none. */
  retry: ResponseCounts | null = null;
  upstream_cx_total = 0;
  upstream_cx_active = 0;
  upstream_cx_connect_fail = 0;
  upstream_cx_connect_timeout = 0;
  upstream_cx_connect_attempts_exceeded = 0;
  upstream_cx_none_healthy = 0;
  upstream_cx_overflow = 0;
  upstream_cx_idle_timeout = 0;
  upstream_cx_max_requests = 0;
  upstream_cx_max_duration_reached = 0;
  upstream_cx_http1_total = 0;
  upstream_cx_http2_total = 0;
  upstream_cx_destroy = 0;
  upstream_cx_protocol_error = 0;
  upstream_rq_total = 0;
  upstream_rq_active = 0;
  upstream_rq_pending_total = 0;
  upstream_rq_pending_active = 0;
  upstream_rq_pending_overflow = 0;
  upstream_rq_active_overflow = 0;
  upstream_rq_pending_failure_eject = 0;
  upstream_rq_cancelled = 0;
  upstream_rq_timeout = 0;
  upstream_rq_per_try_timeout = 0;
  upstream_rq_per_try_idle_timeout = 0;
  upstream_rq_max_duration_reached = 0;
  upstream_rq_rx_reset = 0;
  upstream_rq_tx_reset = 0;
  upstream_rq_retry = 0;
  upstream_rq_retry_success = 0;
  upstream_rq_retry_limit_exceeded = 0;
  upstream_rq_retry_overflow = 0;
  upstream_rq_retry_backoff_exponential = 0;
  upstream_rq_retry_backoff_ratelimited = 0;
  retry_or_shadow_abandoned = 0;
  upstream_internal_redirect_succeeded_total = 0;
  upstream_internal_redirect_failed_total = 0;
  membership_total = 0;
  membership_healthy = 0;
  membership_degraded = 0;
  membership_excluded = 0;
  membership_change = 0;
  update_attempt = 0;
  update_success = 0;
  update_failure = 0;
  update_no_rebuild = 0;
  assignment_stale = 0;
  original_dst_host_invalid = 0;
  upstream_rq_drop_overload = 0;
  lb_healthy_panic = 0;
  lb_local_cluster_not_ok = 0;
  lb_recalculate_zone_structures = 0;
  lb_zone_cluster_too_small = 0;
  lb_zone_no_capacity_left = 0;
  lb_zone_routing_all_directly = 0;
  lb_zone_routing_cross_zone = 0;
  lb_zone_routing_sampled = 0;
  lb_subsets_active = 0;
  lb_subsets_created = 0;
  lb_subsets_removed = 0;
  lb_subsets_selected = 0;
  lb_subsets_fallback = 0;
  lb_subsets_fallback_panic = 0;
  readonly ssl = new TlsCounts();
  readonly health_check = new HealthStats();
  readonly outlier_detection = new OutlierStats();

  countRetried(status: number, coded: boolean): void {
    this.retry ??= new ResponseCounts();
    this.retry.countResponse(status, coded);
  }
}
