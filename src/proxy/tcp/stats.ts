// Counters and gauges of one TCP proxy under Envoy's names (`tcp.<stat_prefix>.<field>`).

export class TcpStats {
  downstream_cx_total = 0;
  downstream_cx_no_route = 0;
  downstream_cx_rx_bytes_total = 0;
  downstream_cx_tx_bytes_total = 0;
  downstream_flow_control_paused_reading_total = 0;
  downstream_flow_control_resumed_reading_total = 0;
  idle_timeout = 0;
  max_downstream_connection_duration = 0;
  on_demand_cluster_attempt = 0;
  on_demand_cluster_success = 0;
  on_demand_cluster_missing = 0;
  on_demand_cluster_timeout = 0;
  /** Gauge of ours: connections proxied now. */
  downstream_cx_active = 0;
}
