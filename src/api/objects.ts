// The objects as read, each with its problems and how far it is applied; one object as YAML.
import { stringify } from 'yaml';
import { type MeshObject, refOf } from '../model/object.ts';
import { objectKey, qualifiedKind } from '../model/origin.ts';
import type { Problem } from '../model/problem.ts';
import { dialectOf } from './dialect.ts';
import type { MeshView } from './mesh-view.ts';
import type { ObjectResponse, ObjectSummary } from './types.ts';

/** By dialect, kind, namespace, name. */
export function summarize(view: Pick<MeshView, 'objects' | 'problems' | 'applied'>): ObjectSummary[] {
  const problems = Map.groupBy(view.problems(), ({ origin }) => objectKey(origin));
  return view
    .objects()
    .map((object) => summary(object, problems.get(objectKey(refOf(object))) ?? [], view))
    .sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
}

/** `kind` as in Gateway, or as in Gateway.networking.istio.io. */
export type WantedObject = { readonly kind: string; readonly namespace: string; readonly name: string };

/** All that are meant: objects of two groups may share a kind and a name. */
export function findObjects(view: Pick<MeshView, 'objects'>, wanted: WantedObject): readonly MeshObject[] {
  const isOfKind = (object: MeshObject): boolean =>
    object.kind === wanted.kind || qualifiedKind(refOf(object)) === wanted.kind;
  return view
    .objects()
    .filter((one) => one.namespace === wanted.namespace && one.name === wanted.name && isOfKind(one));
}

export function objectResponse(view: MeshView, object: MeshObject): ObjectResponse {
  const key = objectKey(refOf(object));
  const problems = view.problems().filter(({ origin }) => objectKey(origin) === key);
  return { object: summary(object, problems, view), yaml: stringify(presentable(object)) };
}

function summary(object: MeshObject, problems: readonly Problem[], view: Pick<MeshView, 'applied'>): ObjectSummary {
  const { apiVersion, place } = object;
  const ref = refOf(object);
  return {
    apiVersion,
    ...ref,
    dialect: dialectOf(apiVersion),
    file: place?.file ?? '',
    line: place?.line([]) ?? 0,
    problems,
    applied: view.applied(objectKey(ref)),
  };
}

const sortKey = ({ dialect, kind, namespace, name, group }: ObjectSummary): string =>
  [dialect, kind, namespace, name, group].join('/');

/** A Secret's values never leave the process; its annotations may hold a copy of them. */
function presentable({ kind, apiVersion, body }: MeshObject): unknown {
  if (kind !== 'Secret' || apiVersion !== 'v1') return body;
  const { data, stringData, metadata, ...rest } = body;
  const { annotations, ...named } = record(metadata);
  return {
    ...rest,
    metadata: annotations === undefined ? named : { ...named, annotations: redact(annotations) },
    ...(data === undefined ? {} : { data: redact(data) }),
    ...(stringData === undefined ? {} : { stringData: redact(stringData) }),
  };
}

const redact = (values: unknown): Record<string, string> =>
  Object.fromEntries(Object.keys(record(values)).map((key) => [key, '[redacted]']));

const record = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? { ...value } : {};
