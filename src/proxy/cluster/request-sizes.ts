// How large requests to a cluster and their answers are, where `track_cluster_stats` asks. Envoy's names, beside the cluster's others.
import { Histogram } from '../../lib/histogram.ts';
import type { RequestHead, ResponseHead } from '../http/message.ts';
import { requestBytes, responseBytes } from '../http/wire-bytes.ts';

export class RequestSizes {
  readonly upstream_rq_headers_size = new Histogram();
  readonly upstream_rq_headers_count = new Histogram();
  readonly upstream_rq_body_size = new Histogram();
  readonly upstream_rs_headers_size = new Histogram();
  readonly upstream_rs_headers_count = new Histogram();
  readonly upstream_rs_body_size = new Histogram();
}

/** Of one attempt. */
export class AttemptSizes {
  readonly #into: RequestSizes;
  #head: ResponseHead | null = null;
  #headBytes = 0;
  #headCount = 0;
  /** Of the answer's body. */
  bytes = 0;

  constructor(into: RequestSizes) {
    this.#into = into;
  }

  /** As it came: it is changed on its way. */
  answered(head: ResponseHead): void {
    this.#head = head;
    this.#headBytes = responseBytes(head);
    this.#headCount = head.headers.fields.length / 2 + 1;
  }

  done(request: RequestHead, body: number): void {
    const into = this.#into;
    into.upstream_rq_headers_size.record(requestBytes(request));
    into.upstream_rq_headers_count.record(requestFields(request));
    into.upstream_rq_body_size.record(body);
    if (this.#head === null) return;
    into.upstream_rs_headers_size.record(this.#headBytes);
    into.upstream_rs_headers_count.record(this.#headCount);
    into.upstream_rs_body_size.record(this.bytes);
  }
}

/** With `:method`, `:scheme`, `:authority` and `:path`, as far as there are any. */
function requestFields({ method, scheme, authority, path, headers }: RequestHead): number {
  return headers.fields.length / 2 + [method, scheme, authority, path].filter((value) => value !== '').length;
}
