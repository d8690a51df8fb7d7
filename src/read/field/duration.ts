// The two duration grammars that objects use: Go's, and the stricter one of the Gateway API.
import { type Millis, millis } from '../../model/units.ts';

const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};
const GO_PART = /(\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})(ns|us|µs|μs|ms|s|m|h)/y;
const GEP_2257 = /^(\d{1,5}(h|m|s|ms)){1,4}$/;

/** Go's `time.ParseDuration` without a sign: `1h2m3.5s`, `250ms`, `0`. */
export function parseGoDuration(raw: unknown): Millis | null {
  if (typeof raw !== 'string' || raw === '' || raw.length > 64) return null;
  if (raw === '0') return millis(0);
  let total = 0;
  GO_PART.lastIndex = 0;
  for (let end = 0; end < raw.length; end = GO_PART.lastIndex) {
    const part = GO_PART.exec(raw);
    if (part === null) return null;
    total += Number(part[1]) * UNITS[part[2]!]!;
  }
  return millis(total);
}

/** GEP-2257: whole numbers only, at most four parts, at most five digits each. */
export function parseGatewayDuration(raw: unknown): Millis | null {
  return typeof raw === 'string' && GEP_2257.test(raw) ? parseGoDuration(raw) : null;
}
