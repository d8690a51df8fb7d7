// Encoded resources: bytes, their version, and who shaped them.
import { createHash } from 'node:crypto';
import type { EncodedResource, TypeUrl } from '../xds/resource.ts';

export function resource(
  typeUrl: TypeUrl,
  name: string,
  bytes: Uint8Array,
  origins: readonly string[],
): EncodedResource {
  return { typeUrl, name, version: versionOf(bytes), bytes, origins };
}

/** 64 bits of SHA-256: equal for equal bytes, also between processes. */
const versionOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, 16);

/** Remembers what was made of a part of a plan, in a context, for as long as the part lives. */
export function perPart<Part extends object, Made>(
  make: (part: Part, context: string) => Made,
): (part: Part, context?: string) => Made {
  const known = new WeakMap<Part, Map<string, Made>>();
  return (part, context = '') => {
    const byContext = known.get(part) ?? new Map<string, Made>();
    known.set(part, byContext);
    const made = byContext.get(context) ?? make(part, context);
    byContext.set(context, made);
    return made;
  };
}
