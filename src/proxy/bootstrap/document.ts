// YAML or JSON text → a protobuf message. Refuses fields and types that do not exist with their path, which protobuf's own
// JSON reader does not tell.
import {
  create,
  type DescField,
  type DescMessage,
  type JsonValue,
  type MessageShape,
  mergeFromJson,
  type Registry,
} from '@bufbuild/protobuf';
import { lastName } from '../config/any.ts';
import { BootstrapError } from './bootstrap-error.ts';

const MAX_BYTES = 8 * 1024 * 1024;
const MAX_DEPTH = 100;

/** Text, and what errors call the place it is from. */
export type Source = { readonly text: string; readonly name: string };

/**
 * One message of all sources, each merged over those before it as protobuf merges: messages field by field, lists appended.
 * Rejects with a BootstrapError.
 */
export async function parseMessage<Desc extends DescMessage>(
  schema: Desc,
  sources: readonly Source[],
  registry: Registry,
): Promise<MessageShape<Desc>> {
  const message = create(schema);
  for (const { text, name } of sources) {
    const json = await parseText(text, name);
    const problem = findUnknown(schema, json, '', registry, 0);
    if (problem !== null) throw new BootstrapError(`${name}: ${problem}`);
    try {
      mergeFromJson(schema, message, json, { registry });
    } catch (error) {
      throw new BootstrapError(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
  return message;
}

async function parseText(text: string, file: string): Promise<JsonValue> {
  if (text.length > MAX_BYTES) throw new BootstrapError(`${file}: longer than ${MAX_BYTES} bytes`);
  const json = parseJson(text);
  if (json !== null) return json;
  // Loaded when it is needed: a control plane writes JSON.
  const { parseDocument } = await import('yaml');
  const document = parseDocument(text, { prettyErrors: true });
  const [error] = document.errors;
  if (error !== undefined) throw new BootstrapError(`${file}: ${error.message}`);
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    throw new BootstrapError(`${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** null for what is no JSON: JSON is a subset of YAML, whose reader says where it is wrong. */
function parseJson(text: string): JsonValue | null {
  if (!/^\s*\{/.test(text)) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The first field or type that does not exist, with its path. Wrong values are left to protobuf's own reader. */
function findUnknown(
  schema: DescMessage,
  json: JsonValue,
  path: string,
  registry: Registry,
  depth: number,
): string | null {
  if (depth > MAX_DEPTH) return `${path}: nested deeper than ${MAX_DEPTH}`;
  if (schema.typeName === 'google.protobuf.Any') return findUnknownInAny(json, path, registry, depth);
  // Well-known types have a JSON form of their own.
  if (schema.typeName.startsWith('google.protobuf.') || !isObject(json)) return null;
  for (const [key, value] of Object.entries(json)) {
    const at = path === '' ? key : `${path}.${key}`;
    const field = schema.fields.find((one) => one.jsonName === key || one.name === key);
    if (field === undefined) return `${at}: no such field of ${schema.typeName}`;
    const problem = findUnknownInField(field, value, at, registry, depth + 1);
    if (problem !== null) return problem;
  }
  return null;
}

function findUnknownInField(
  field: DescField,
  value: JsonValue,
  path: string,
  registry: Registry,
  depth: number,
): string | null {
  if (field.message !== undefined && field.fieldKind === 'message') {
    return findUnknown(field.message, value, path, registry, depth);
  }
  if (field.fieldKind === 'list' && field.listKind === 'message' && Array.isArray(value)) {
    return firstOf(value.map((item, at) => () => findUnknown(field.message, item, `${path}[${at}]`, registry, depth)));
  }
  if (field.fieldKind === 'map' && field.mapKind === 'message' && isObject(value)) {
    const entries = Object.entries(value);
    return firstOf(
      entries.map(
        ([key, item]) =>
          () =>
            findUnknown(field.message, item, `${path}["${key}"]`, registry, depth),
      ),
    );
  }
  return null;
}

function findUnknownInAny(json: JsonValue, path: string, registry: Registry, depth: number): string | null {
  if (!isObject(json)) return null;
  const { '@type': type, ...fields } = json;
  if (typeof type !== 'string') return `${path}: an Any without "@type"`;
  const schema = registry.getMessage(lastName(type));
  if (schema === undefined) return `${path}: type ${type} is not supported`;
  return findUnknown(schema, fields, path, registry, depth + 1);
}

function firstOf(checks: readonly (() => string | null)[]): string | null {
  for (const check of checks) {
    const problem = check();
    if (problem !== null) return problem;
  }
  return null;
}

function isObject(json: JsonValue): json is { [key: string]: JsonValue } {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}
