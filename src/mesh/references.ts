// References from routes to services: a broken one becomes a `broken` backing and a problem, never a hole.
import type { ReferenceGrant } from '../model/gateway.ts';
import type { Origin } from '../model/origin.ts';
import type { ProblemCode } from '../model/problem.ts';
import type { BackendTarget } from '../model/route.ts';
import { reaches, type Service, type ServicePort } from '../model/service.ts';
import type { Port } from '../model/units.ts';
import { destinationOf, subsetNames, subsetOf } from './destinations.ts';
import { brokenName, clusterName } from './names.ts';
import { didYouMean } from './nearest.ts';
import type { Planning } from './planning.ts';
import type { Backing } from './resolved.ts';
import { carriesHttp } from './shaping.ts';

export type Asking = {
  /** The backend that refers. */
  readonly origin: Origin;
  /** What the user notices when the reference is broken. */
  readonly consequence: string;
  /** The port that requests come for; null at a gateway. */
  readonly port: Port | null;
  readonly clientNamespace: string;
};

type ServiceTarget = BackendTarget & { readonly kind: 'service' };

export function resolveTarget(planning: Planning, target: BackendTarget, asking: Asking): Backing {
  if (target.kind === 'fail') {
    // The reader has reported why.
    const name = brokenName(target.reason.replaceAll(/[^a-z0-9.-]+/gi, '-'), null, '');
    return { kind: 'broken', name, status: target.status, reason: target.reason, origin: asking.origin };
  }
  const broken = (code: ProblemCode, reason: string, hint: string): Backing => {
    planning.report({
      severity: 'error',
      code,
      origin: asking.origin,
      message: `${reason}: ${asking.consequence}`,
      hint,
    });
    const name = brokenName(target.host, target.port, target.subset ?? '');
    return { kind: 'broken', name, status: 500, reason, origin: asking.origin };
  };
  const service = planning.mesh.services.get(target.host);
  if (service === undefined) {
    return broken(
      'dangling',
      `service ${target.host} does not exist`,
      didYouMean(target.host, planning.mesh.services.keys()),
    );
  }
  if (!reaches(service.clients, asking.clientNamespace)) {
    const whom = asking.clientNamespace === '' ? 'every namespace' : `namespace ${asking.clientNamespace}`;
    return broken('invalid', `service ${target.host} is not exported to ${whom}`, '');
  }
  const grant = findGrant(planning, target, service);
  if (grant === null)
    return broken('invalid', refusal(target, service), `add a ReferenceGrant to namespace ${service.namespace}`);
  const port = choosePort(service, target.port, asking.port);
  if (port === null) {
    const wanted = target.port ?? asking.port;
    const reason =
      wanted === null ? `${service.host} has several ports and none is named` : `${service.host} has no port ${wanted}`;
    return broken('dangling', reason, `it has ${service.ports.map((each) => each.port).join(', ') || 'none'}`);
  }
  if (!carriesHttp(port.protocol))
    return broken('unsupported', `port ${port.port} of ${service.host} is ${port.protocol}, not HTTP`, '');
  const subset = target.subset ?? '';
  const destination = destinationOf(planning.mesh, service, asking.clientNamespace);
  if (subset !== '' && subsetOf(destination, subset) === null) {
    const known = subsetNames(destination);
    const hint =
      didYouMean(subset, known) ||
      (known.length === 0 ? 'no policy defines subsets of it' : `it has ${known.join(', ')}`);
    return broken('dangling', `${service.host} has no subset ${subset}`, hint);
  }
  const cluster = { service, port, subset };
  return { kind: 'service', name: clusterName(service.host, port.port, subset), cluster, grants: grant };
}

/** The named port; else the one that requests came for; else the only one. */
function choosePort(service: Service, named: Port | null, requested: Port | null): ServicePort | null {
  const find = (port: Port | null) => service.ports.find((each) => each.port === port) ?? null;
  if (named !== null) return find(named);
  return find(requested) ?? (service.ports.length === 1 ? (service.ports[0] ?? null) : null);
}

/** The grants that allow it, [] when none is needed, null when it is refused. */
function findGrant(planning: Planning, target: ServiceTarget, service: Service): readonly Origin[] | null {
  const asks = target.grant;
  if (asks === null || asks.fromNamespace === service.namespace) return [];
  const grant = planning.mesh.grants.find((each) => allows(each, asks, service));
  return grant === undefined ? null : [grant.origin];
}

function allows(grant: ReferenceGrant, asks: NonNullable<ServiceTarget['grant']>, service: Service): boolean {
  return (
    grant.namespace === service.namespace &&
    grant.from.some(({ kind, namespace }) => kind === asks.fromKind && namespace === asks.fromNamespace) &&
    grant.to.some(({ kind, name }) => kind === 'Service' && (name === null || name === service.name))
  );
}

const refusal = (target: ServiceTarget, service: Service): string =>
  `no ReferenceGrant in ${service.namespace} lets ${target.grant?.fromKind} of ${target.grant?.fromNamespace} use service ${service.name}`;
