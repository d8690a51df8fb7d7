// Names of fields with underscores (`headers_with_underscores_action`): servers behind a gateway of CGI read `a_b` and `a-b` as the same.

export type Underscores = 'allow' | 'drop' | 'reject';

/** `fields`: name, value, name, value, … */
export function hasUnderscores(fields: readonly string[]): boolean {
  for (let i = 0; i < fields.length; i += 2) if (fields[i]!.includes('_')) return true;
  return false;
}

export function withoutUnderscores(fields: readonly string[]): string[] {
  return fields.filter((_, i) => !fields[i & ~1]!.includes('_'));
}
