// The state of the process as one listener minds it: what serves the sidecar itself (its probes, its metrics) has to answer when nothing else does.
import type { Overload } from './overload.ts';

/** Envoy's `bypass_overload_manager` and `ignore_global_conn_limit` of a listener. */
export type OverloadExemptions = {
  /** From all actions, and from the limit of connections. */
  readonly fromOverload: boolean;
  /** Its connections neither count for the limit of the process nor are held to it. */
  readonly fromConnectionLimit: boolean;
};

export const noExemptions: OverloadExemptions = { fromOverload: false, fromConnectionLimit: false };

export class ListenerOverload {
  /** Replaced with the listener's configuration. */
  exempt: OverloadExemptions;
  readonly #process: Overload;

  constructor(process: Overload, exempt: OverloadExemptions) {
    this.#process = process;
    this.exempt = exempt;
  }

  get shedsRequests(): boolean {
    return this.#process.shedsRequests && !this.exempt.fromOverload;
  }

  get endsKeepAlive(): boolean {
    return this.#process.endsKeepAlive && !this.exempt.fromOverload;
  }

  get refusedShare(): number {
    return this.exempt.fromOverload ? 0 : this.#process.refusedShare;
  }

  get hasRoom(): boolean {
    return this.#uncounted || this.#process.hasRoom;
  }

  /** Counts a connection until what is returned is called. */
  countConnection(): () => void {
    if (this.#uncounted) return () => undefined;
    this.#process.beginConnection();
    return () => this.#process.endConnection();
  }

  get #uncounted(): boolean {
    return this.exempt.fromOverload || this.exempt.fromConnectionLimit;
  }
}
