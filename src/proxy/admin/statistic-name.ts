// Names of statistics: which are gauges, and how Envoy writes them.

import { remembered } from '../../lib/remembered.ts';

/** Everything that goes down as well as up; whatever is no gauge is a counter. */
const GAUGES =
  /(?:_active|_buffered|_open|_open_gauge|^cluster_manager\.\w+_clusters|\.endpoint\..+\.healthy|membership_(?:total|healthy|degraded|excluded)|max_host_weight|\.remaining_\w+|\.pressure|\.active_(?:faults|sessions)|\.gradient_controller\.(?!rq_blocked)\w+|\.http_bandwidth_limit\.\w+_(?:pending|incoming_size|allowed_size)|connected_state|^listener_manager\.total_\w+|\.draining_listeners|^runtime\.num_\w+|^server\.(?:live|state|uptime|concurrency|version|total_connections|parent_connections|memory_\w+|event_loop_lag_ms|days_until_first_cert_expiring))$/;

export function isGauge(name: string): boolean {
  return GAUGES.test(name);
}

/** Fields that Envoy keeps in a scope of their own: `outlier_detection_ejections_active` is `outlier_detection.ejections_active` there. */
const SCOPED = /^(outlier_detection|circuit_breakers_default|circuit_breakers_high)_/;

/** Our statistics are fields of objects, which hold no dots. */
export const statisticName = remembered((name) => {
  const dot = name.lastIndexOf('.');
  const field = name.slice(dot + 1);
  const scoped = field.replace(
    SCOPED,
    (_, scope: string) => `${scope.replace(/^circuit_breakers_/, 'circuit_breakers.')}.`,
  );
  return scoped === field ? name : `${name.slice(0, dot + 1)}${scoped}`;
});
