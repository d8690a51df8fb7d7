// Responses of upstreams by status and class, under Envoy's names.
import { StatusCodes } from './status-codes.ts';

export class ResponseCounts {
  readonly codes = new StatusCodes('upstream_rq');
  upstream_rq_completed = 0;
  upstream_rq_1xx = 0;
  upstream_rq_2xx = 0;
  upstream_rq_3xx = 0;
  upstream_rq_4xx = 0;
  upstream_rq_5xx = 0;

  /** `coded` false: its status is left out. */
  countResponse(status: number, coded = true): void {
    this.upstream_rq_completed += 1;
    if (!coded) return;
    this.codes.count(status);
    if (status < 200) this.upstream_rq_1xx += 1;
    else if (status < 300) this.upstream_rq_2xx += 1;
    else if (status < 400) this.upstream_rq_3xx += 1;
    else if (status < 500) this.upstream_rq_4xx += 1;
    else this.upstream_rq_5xx += 1;
  }
}
