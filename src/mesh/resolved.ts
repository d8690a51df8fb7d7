// Routes whose references are resolved, before they are filtered for a client and put into its plan.
import type { RequestMatch } from '../model/match.ts';
import type { Origin } from '../model/origin.ts';
import type { Service, ServicePort } from '../model/service.ts';
import type { RoutePlan, ShapedBy } from './plan.ts';

export type ServiceCluster = { readonly service: Service; readonly port: ServicePort; readonly subset: string };

/** What stands behind a cluster name in a route. */
export type Backing =
  | {
      readonly kind: 'service';
      readonly name: string;
      readonly cluster: ServiceCluster;
      readonly grants: readonly Origin[];
    }
  | {
      readonly kind: 'broken';
      readonly name: string;
      readonly status: number;
      readonly reason: string;
      readonly origin: Origin;
    };

export type ResolvedRoute = {
  readonly route: RoutePlan;
  /** For whom it is; null is every client. */
  readonly client: RequestMatch['client'];
  readonly backings: readonly Backing[];
  readonly shapedBy: ShapedBy;
};
