// The parameters of /config_dump: `resource` takes one list out of the dump, `mask` keeps the fields it names, `name_regex` the resources.
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { compileRegex } from '../../lib/re2.ts';
import { types } from '../../xds/descriptors/types.ts';

export type DumpAnswer = { readonly dump: JsonObject } | { readonly wrong: string; readonly status: 400 | 404 };

export function queryDump(dump: JsonObject, query: URLSearchParams): DumpAnswer {
  let configs = (dump['configs'] as JsonObject[]).slice();
  const pattern = query.get('name_regex') ?? '';
  if (pattern !== '') {
    const outcome = compileRegex(pattern);
    if (!outcome.ok) return { wrong: `Error while parsing name_regex from ${pattern}: ${outcome.reason}`, status: 400 };
    configs = configs.map((part) => keepNamed(part, (name) => outcome.regex.matches(name)));
  }
  const resource = query.get('resource') ?? '';
  if (resource !== '') {
    const owner = configs.find((part) => Array.isArray(part[resource]));
    if (owner === undefined) return noList(configs, resource);
    configs = (owner[resource] as JsonObject[]).map((item) => ({ '@type': itemType(owner, resource), ...item }));
  }
  const mask = query.get('mask') ?? '';
  if (mask === '') return { dump: { configs } };
  const paths = mask.split(',').map((path) => path.trim().split('.'));
  const masked = configs.flatMap((part) => {
    const type = String(part['@type']);
    const own = paths.filter(([first = '']) => hasField(type, first));
    return own.length > 0 ? [{ '@type': type, ...pick(part, own) }] : [];
  });
  if (configs.length > 0 && masked.length === 0)
    return { wrong: `FieldMask paths: "${mask}" could not be successfully used.`, status: 400 };
  return { dump: { configs: masked } };
}

function hasField(type: string, name: string): boolean {
  const fields = types.getMessage(type.slice(type.lastIndexOf('/') + 1))?.fields ?? [];
  return fields.some((field) => field.name === name);
}

function noList(configs: readonly JsonObject[], resource: string): DumpAnswer {
  if (!configs.some((part) => resource in part)) return { wrong: `${resource} not found in config dump`, status: 404 };
  const hint = `Use ?mask=${resource} to get only this field`;
  return { wrong: `${resource} is not a repeated field. ${hint}`, status: 400 };
}

/** `dynamic_active_clusters` of a ClustersConfigDump holds ClustersConfigDump.DynamicCluster. */
function itemType(owner: JsonObject, resource: string): string {
  const words = resource
    .replace(/_(?:active|warming)_/, '_')
    .replace(/s$/, '')
    .split('_');
  return `${String(owner['@type'])}.${words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('')}`;
}

/** Lists of a part, without those whose name does not match. The bootstrap has none and stays out. */
function keepNamed(part: JsonObject, matches: (name: string) => boolean): JsonObject {
  return Object.fromEntries(
    Object.entries(part).map(([key, value]) => [
      key,
      Array.isArray(value) ? value.filter((item) => matches(nameOf(item))) : value,
    ]),
  );
}

/** Of a listener or secret directly, of anything else in the resource it wraps. */
function nameOf(item: JsonValue): string {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) return '';
  if (typeof item['name'] === 'string') return item['name'];
  for (const value of Object.values(item)) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) continue;
    const name = value['name'] ?? value['cluster_name'];
    if (typeof name === 'string') return name;
  }
  return '';
}

function pick(object: JsonObject, paths: readonly (readonly string[])[]): JsonObject {
  const result: JsonObject = {};
  for (const key of new Set(paths.map(([first = '']) => first))) {
    const value = object[key];
    if (value === undefined) continue;
    const rest = paths.filter(([first]) => first === key).map((path) => path.slice(1));
    result[key] = rest.some((path) => path.length === 0) ? value : pickBelow(value, rest);
  }
  return result;
}

function pickBelow(value: JsonValue, paths: readonly (readonly string[])[]): JsonValue {
  if (Array.isArray(value)) return value.map((item) => pickBelow(item, paths));
  if (typeof value !== 'object' || value === null) return value;
  // An Any keeps its type.
  const type = value['@type'];
  return { ...(type === undefined ? {} : { '@type': type }), ...pick(value, paths) };
}
