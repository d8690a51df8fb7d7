// Every dialect, and the one way in: objects → one fragment and the problems found on the way.
import type { Fragment, Reader } from '../model/fragment.ts';
import { emptyFragment } from '../model/fragment.ts';
import { groupOf, type MeshObject, refOf } from '../model/object.ts';
import type { Problem, ProblemCode, Severity } from '../model/problem.ts';
import { nearest } from './field/nearest.ts';
import { gatewayApiKinds } from './gateway-api/kinds.ts';
import { gatewayApiReader } from './gateway-api/reader.ts';
import { istioKinds } from './istio/kinds.ts';
import { istioReader } from './istio/reader.ts';
import type { Kind } from './kind.ts';
import { kubernetesKinds } from './kubernetes/kinds.ts';
import { kubernetesReader } from './kubernetes/reader.ts';
import { linkerdKinds } from './linkerd/kinds.ts';
import { linkerdReader } from './linkerd/reader.ts';
import { smiKinds } from './smi/kinds.ts';
import { smiReader } from './smi/reader.ts';

/** In the order in which their parts stand in the fragment; what wins over what is the mesh's decision. */
const readers: readonly Reader[] = [kubernetesReader, gatewayApiReader, istioReader, linkerdReader, smiReader];

const kinds: readonly Kind[] = [...kubernetesKinds, ...gatewayApiKinds, ...istioKinds, ...linkerdKinds, ...smiKinds];

export function readAll(objects: readonly MeshObject[]): { fragment: Fragment; problems: Problem[] } {
  const sorted = [...objects].sort(compareObjects);
  const problems = sorted.flatMap(judgeKind);
  const parts = readers.map((reader) => reader.read(sorted.filter((object) => isReadBy(reader, object))));
  problems.push(...parts.flatMap((part) => part.problems));
  return { fragment: parts.map((part) => part.fragment).reduce(merge, emptyFragment), problems };
}

function merge(a: Fragment, b: Fragment): Fragment {
  return {
    namespaces: [...a.namespaces, ...b.namespaces],
    services: [...a.services, ...b.services],
    workloads: [...a.workloads, ...b.workloads],
    gateways: [...a.gateways, ...b.gateways],
    grants: [...a.grants, ...b.grants],
    routes: [...a.routes, ...b.routes],
    destinations: [...a.destinations, ...b.destinations],
    authorizations: [...a.authorizations, ...b.authorizations],
    transports: [...a.transports, ...b.transports],
    proxySettings: [...a.proxySettings, ...b.proxySettings],
  };
}

const versionOf = (apiVersion: string): string => apiVersion.slice(apiVersion.indexOf('/') + 1);

function findKind(object: MeshObject): Kind | null {
  const group = groupOf(object.apiVersion);
  return kinds.find((entry) => entry.group === group && entry.kind === object.kind) ?? null;
}

function isReadBy(reader: Reader, object: MeshObject): boolean {
  const kind = findKind(object);
  return kind !== null && reader.claims(kind.group, kind.kind);
}

function judgeKind(object: MeshObject): Problem[] {
  const kind = findKind(object);
  const { apiVersion } = object;
  if (kind === null)
    return [
      problemOf(object, 'warning', 'unknown-kind', `nothing reads ${apiVersion} ${object.kind}`, hintFor(object)),
    ];
  if (!kind.versions.includes(versionOf(apiVersion))) {
    const known = kind.versions.join(', ');
    // It is read all the same: a policy of tomorrow must not open today what it restricts.
    const message = `version ${apiVersion} is not known: it is read as one of ${known}`;
    return [problemOf(object, 'error', 'unknown-kind', message, '')];
  }
  if (kind.use !== 'unsupported') return [];
  return [
    problemOf(object, 'warning', 'unsupported', `${object.kind} of ${kind.group || 'core'} is not applied yet`, ''),
  ];
}

/** The kind that was meant: one of the same group first, then one of any group. */
function hintFor(object: MeshObject): string {
  const group = groupOf(object.apiVersion);
  const siblings = kinds.filter((entry) => entry.group === group);
  const kind = nearest(
    object.kind,
    siblings.map((entry) => entry.kind),
  );
  if (kind !== null) return `${kind}?`;
  const sameName = kinds.find((entry) => entry.kind === object.kind && nearest(group, [entry.group]) !== null);
  return sameName === undefined ? '' : `${sameName.group}/${sameName.versions[0]}?`;
}

function problemOf(object: MeshObject, severity: Severity, code: ProblemCode, message: string, hint: string): Problem {
  const { place } = object;
  const origin = {
    dialect: 'tulle' as const,
    ...refOf(object),
    path: '',
    place: place === null ? null : { file: place.file, line: place.line([]) },
  };
  return { severity, code, origin, message, hint };
}

/** Total, so that even two objects of one name come out the same whatever their order was. */
function compareObjects(a: MeshObject, b: MeshObject): number {
  const keysOf = ({ apiVersion, kind, namespace, name, place }: MeshObject): string[] => [
    groupOf(apiVersion),
    kind,
    namespace,
    name,
    apiVersion,
    place?.file ?? '',
    String(place?.line([]) ?? 0).padStart(9, '0'),
  ];
  const [left, right] = [keysOf(a), keysOf(b)];
  const index = left.findIndex((key, position) => key !== right[position]);
  return index < 0 ? 0 : left[index]! < right[index]! ? -1 : 1;
}
