// The workload at one end of a request, as metrics name it, and what a peer's proxy says of its own.

export type WorkloadEnd = {
  readonly workload: string;
  readonly namespace: string;
  readonly app: string;
  readonly version: string;
  /** Istio's canonical service, and its revision. */
  readonly service: string;
  readonly revision: string;
  /** Of Kubernetes. */
  readonly cluster: string;
};

/** From `x-envoy-peer-metadata-id` and `x-envoy-peer-metadata`, '' for what was not sent; `end` is null where it cannot be read. */
export type Peer = { readonly id: string; readonly said: string; readonly end: WorkloadEnd | null };
