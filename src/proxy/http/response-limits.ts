// How large the heads of upstreams' responses may be, with Envoy's defaults.

export type ResponseLimits = {
  readonly maxHeadBytes: number;
  readonly maxHeaders: number;
};

export const defaultResponseLimits: ResponseLimits = { maxHeadBytes: 61_440, maxHeaders: 100 };
