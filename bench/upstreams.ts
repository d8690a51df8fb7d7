// What the upstream answers.
import type { Scenario } from './comparison.ts';

const BODY = 'x'.repeat(100);

export const plainUpstream: Scenario['upstream'] = { listen: '', lines: `return 200 "${BODY}";` };
export const http2Upstream: Scenario['upstream'] = { listen: 'http2', lines: `return 200 "${BODY}";` };

/** A unary answer as far as a proxy sees: a body of application/grpc, and the status in its trailers. */
export const grpcUpstream: Scenario['upstream'] = {
  listen: 'http2',
  lines: `default_type application/grpc; add_trailer grpc-status 0 always; return 200 "${BODY.slice(0, 15)}";`,
};
