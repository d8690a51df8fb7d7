// `tulle.origin` of a resource's metadata, back as an Origin.
import type { Dialect, Origin } from '../model/origin.ts';

/** Trusts what our own control plane wrote, but takes nothing that has another shape. */
export function originOf(value: unknown): Origin | null {
  if (typeof value !== 'object' || value === null) return null;
  const fields = value as Record<string, unknown>;
  const text = (key: string): string => (typeof fields[key] === 'string' ? fields[key] : '');
  if (text('kind') === '') return null;
  const line = typeof fields['line'] === 'number' ? fields['line'] : 0;
  return {
    dialect: text('dialect') as Dialect,
    group: text('group'),
    kind: text('kind'),
    namespace: text('namespace'),
    name: text('name'),
    path: text('path'),
    place: text('file') === '' ? null : { file: text('file'), line },
  };
}

export const originIn = (metadata: Readonly<Record<string, unknown>>): Origin | null =>
  originOf(metadata['tulle.origin']);
