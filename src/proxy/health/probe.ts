// One question to an endpoint, and what the answer says.

/** `network`: nobody answered. `unhealthy` counts at once, unless it is `retriable`, which counts like `network`; `status` is that of HTTP, or 0. */
export type ProbeResult =
  | { readonly kind: 'healthy'; readonly degraded: boolean }
  | { readonly kind: 'unhealthy'; readonly retriable: boolean; readonly status: number }
  | { readonly kind: 'network' }
  | { readonly kind: 'timeout' };

/** Asks one endpoint the same thing again and again; never before the last question is over. */
export type Probe = {
  /** Exactly one report follows, unless it is given up. */
  start(report: (result: ProbeResult) => void): void;
  /** Gives the question up. A connection it took is closed. */
  cancel(): void;
  /** Gives up and closes everything. */
  close(): void;
};

export const WELL: ProbeResult = { kind: 'healthy', degraded: false };
export const ILL: Extract<ProbeResult, { kind: 'unhealthy' }> = { kind: 'unhealthy', retriable: false, status: 0 };
export const UNREACHED: ProbeResult = { kind: 'network' };

/** Whether the patterns are in the bytes one after the other, with anything between them. */
export function holdsInOrder(bytes: Buffer, patterns: readonly Buffer[]): boolean {
  let from = 0;
  for (const pattern of patterns) {
    const found = bytes.indexOf(pattern, from);
    if (found === -1) return false;
    from = found + pattern.length;
  }
  return true;
}
