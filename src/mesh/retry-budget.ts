// The budget for retries of a service: Linkerd gives it with the routes of a service (ServiceProfile), data planes keep it per cluster.
import type { RetryBudget } from '../model/route.ts';
import type { Service, ServicePort } from '../model/service.ts';
import type { Planning } from './planning.ts';
import { serviceRouting } from './service-routing.ts';

/** All routes of a profile share one budget. */
export function retryBudget(
  planning: Planning,
  service: Service,
  port: ServicePort,
  clientNamespace: string,
): RetryBudget | null {
  for (const { route } of serviceRouting(planning, service, port, clientNamespace)) {
    const { action } = route;
    if (action.kind !== 'forward' || action.retry.kind !== 'set') continue;
    const { limit } = action.retry.value;
    if (limit.kind === 'budget') return limit;
  }
  return null;
}
