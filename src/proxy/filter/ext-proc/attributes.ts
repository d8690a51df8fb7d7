// The attributes that a server is told: expressions, each under its own text, evaluated when a direction's first message is sent.
import type { CelValue } from '@bufbuild/cel';
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { mapAt } from '../../config/config-error.ts';
import { compileText } from '../../expression/expression.ts';
import type { Seen } from '../../expression/seen.ts';
import { textOfValue } from '../../expression/told.ts';

/** What they are told under. */
export const ATTRIBUTES = 'envoy.filters.http.ext_proc';

/** null: the server is told none. What has no value is left out. Throws ConfigError. */
export function compileAttributes(texts: readonly string[], path: string): ((seen: Seen) => JsonObject) | null {
  const all = mapAt(texts, path, (text, here) => [text, compileText(text, here)] as const);
  if (all.length === 0) return null;
  return (seen) => {
    const told: Record<string, JsonValue> = {};
    for (const [text, expression] of all) {
      const value = expression.value(seen);
      if (value !== undefined) told[text] = jsonOf(value);
    }
    return told;
  };
}

/** Flags and whole numbers as they are, all else as text: as Envoy tells them. */
function jsonOf(value: CelValue): JsonValue {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'bigint') return Number(value);
  if (isUint(value)) return Number(value.value);
  return Buffer.from(textOfValue(value), 'latin1').toString('utf8');
}

function isUint(value: CelValue): value is Extract<CelValue, { readonly value: bigint }> {
  return typeof value === 'object' && value !== null && 'value' in value && typeof value.value === 'bigint';
}
