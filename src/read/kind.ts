// Which kinds a dialect has, and what happens to their objects. The registry judges by these tables, so no kind is passed over in silence.

export type Kind = {
  readonly group: string;
  readonly kind: string;
  /** The versions that are understood; others are a problem. */
  readonly versions: readonly string[];
  /** `accepted`: fine, and there is nothing in it for a mesh. `unsupported`: known, not applied yet. */
  readonly use: 'read' | 'accepted' | 'unsupported';
};

export const kindsOf = (
  group: string,
  use: Kind['use'],
  versions: readonly string[],
  ...kinds: readonly string[]
): readonly Kind[] => kinds.map((kind) => ({ group, kind, versions, use }));

/** `claims` of a reader: the kinds that its table says are read. */
export function claimsFrom(kinds: readonly Kind[]): (group: string, kind: string) => boolean {
  const read = new Set(kinds.filter((entry) => entry.use === 'read').map((entry) => `${entry.group}/${entry.kind}`));
  return (group, kind) => read.has(`${group}/${kind}`);
}
