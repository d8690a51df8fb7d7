// Counters of conversations with a processor, under Envoy's names.

export class ProcessorStats {
  streams_started = 0;
  stream_msgs_sent = 0;
  stream_msgs_received = 0;
  spurious_msgs_received = 0;
  streams_closed = 0;
  streams_failed = 0;
  server_half_closed = 0;
  /** Of an HTTP service: whatever was no answer. */
  http_not_ok_resp_received = 0;
  failure_mode_allowed = 0;
  message_timeouts = 0;
  rejected_header_mutations = 0;
  override_message_timeout_received = 0;
  override_message_timeout_ignored = 0;
  clear_route_cache_ignored = 0;
  clear_route_cache_disabled = 0;
  immediate_responses_sent = 0;
}
