// What of a cluster's configuration its connections depend on.
import type { ClusterConfig } from '../config/types.ts';
import { sameJson } from './same-json.ts';

/** Whether an update can keep the connections there are. */
export function sameConnections(before: ClusterConfig, after: ClusterConfig): boolean {
  return (
    before.http.protocol === after.http.protocol &&
    before.poolPerConnection === after.poolPerConnection &&
    sameJson(before.origins, after.origins) &&
    sameJson(before.addressOrder, after.addressOrder) &&
    sameJson(before.tls, after.tls)
  );
}
