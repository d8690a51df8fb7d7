// What was worked out of a text, kept for the next time it is asked for: for texts that come again and again, and of which there are not too many.

/** `work` must give the same for the same text. When there are `limit` of them, all are forgotten. */
export function remembered<T>(work: (text: string) => T, limit = 50_000): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    if (known.size >= limit) known.clear();
    const found = work(text);
    known.set(text, found);
    return found;
  };
}
