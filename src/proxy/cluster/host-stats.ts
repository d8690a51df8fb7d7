// What happened at one endpoint, under the names of Envoy's `/clusters`. Requests in progress are the balancer's (`Endpoint.activeRequests`).

export class HostStats {
  cx_active = 0;
  cx_connect_fail = 0;
  cx_total = 0;
  /** Answers of 5xx, and requests without an answer. */
  rq_error = 0;
  /** Waiting for a connection. */
  rq_pending_active = 0;
  rq_success = 0;
  rq_timeout = 0;
  rq_total = 0;
}
