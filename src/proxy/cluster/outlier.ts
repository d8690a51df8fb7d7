// Outlier detection (Envoy's passive health check): endpoints that fail in a row are left out for a while, longer each time.
import type { OutlierConfig } from '../config/types.ts';
import type { Host } from './host.ts';
import type { ClusterStats } from './stats.ts';

export type OutlierContext = { readonly hosts: readonly Host[]; readonly stats: ClusterStats; readonly now: number };

/** `status`: of the response, or what the proxy would answer for a failure before one (502, 503, 504). */
export function observe(host: Host, status: number, config: OutlierConfig, context: OutlierContext): void {
  if (status < 500) {
    host.consecutive5xx = 0;
    host.consecutiveGatewayErrors = 0;
    return;
  }
  host.consecutive5xx += 1;
  host.consecutiveGatewayErrors = status >= 502 && status <= 504 ? host.consecutiveGatewayErrors + 1 : 0;
  const failing =
    reached(host.consecutive5xx, config.consecutive5xx) ||
    reached(host.consecutiveGatewayErrors, config.consecutiveGatewayFailure);
  if (failing && host.ejectedUntil <= context.now) eject(host, config, context);
}

function reached(count: number, limit: number): boolean {
  return limit > 0 && count >= limit;
}

function eject(host: Host, config: OutlierConfig, { hosts, stats, now }: OutlierContext): void {
  host.consecutive5xx = 0;
  host.consecutiveGatewayErrors = 0;
  const ejected = hosts.reduce((count, other) => count + (other.ejectedUntil > now ? 1 : 0), 0);
  // Envoy's rule: one endpoint may always be ejected, beyond that the share decides.
  if (ejected > 0 && ((ejected + 1) * 100) / hosts.length > config.maxEjectionPercent) {
    stats.outlier_detection_ejections_overflow += 1;
    return;
  }
  host.ejections += 1;
  host.ejectedUntil = now + Math.min(config.baseEjection * host.ejections, config.maxEjection);
  stats.outlier_detection_ejections_enforced_total += 1;
}
