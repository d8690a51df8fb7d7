// Takes private keys, passwords and secrets of filters out of JSON that is going to be shown (what Envoy marks as sensitive).
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';

const sensitive = new Set(['private_key', 'password', 'pkcs12', 'session_ticket_keys']);

export function redact<Value extends JsonValue>(value: Value): Value;
export function redact(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((item) => redact(item));
  if (typeof value !== 'object' || value === null) return value;
  const result: JsonObject = {};
  for (const [key, item] of Object.entries(value)) {
    result[key] =
      key === 'generic_secret' ? redactSources(item) : sensitive.has(key) ? redactSource(item) : redact(item);
  }
  return result;
}

function redactSources(sources: JsonValue): JsonValue {
  if (typeof sources !== 'object' || sources === null) return '[redacted]';
  return Object.fromEntries(Object.entries(sources).map(([key, source]) => [key, redactSource(source)]));
}

/** A file's name is no secret. */
function redactSource(source: JsonValue): JsonValue {
  if (typeof source === 'object' && source !== null && 'filename' in source && typeof source.filename === 'string')
    return source;
  return { inline_string: '[redacted]' };
}
