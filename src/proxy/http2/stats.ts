// Counters of HTTP/2 connections under Envoy's names (`http2.<field>` below a listener's `http.<prefix>` scope or a cluster's).

export class Http2Stats {
  goaway_sent = 0;
  header_overflow = 0;
  headers_cb_no_stream = 0;
  inbound_empty_frames_flood = 0;
  inbound_priority_frames_flood = 0;
  inbound_window_update_frames_flood = 0;
  keepalive_timeout = 0;
  outbound_control_flood = 0;
  outbound_flood = 0;
  rx_messaging_error = 0;
  rx_reset = 0;
  streams_active = 0;
  trailers = 0;
  tx_reset = 0;
}
