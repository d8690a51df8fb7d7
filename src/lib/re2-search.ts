// Regular expressions that look for something inside a text, and what their groups took.
import { RE2JS } from 're2js';

export type Search = {
  /** Whether some part of the text matches. */
  finds(text: string): boolean;
  /** The groups of a match of the whole text, by number; null without a match. A group that took no part is ''. */
  groups(text: string): readonly string[] | null;
  /** Instructions, of which one stands for a character or a class of them. */
  readonly size: number;
  /** Name of each group by number; undefined where it has none. */
  readonly names: readonly (string | undefined)[];
  /** The first match written anew: `\0` is the match, `\1` to `\9` are its groups; null without a match. */
  extract(text: string, rewrite: string): string | null;
};

/** Throws where the pattern is none. */
export function compileSearch(source: string): Search {
  const engine = RE2JS.compile(source);
  const names: (string | undefined)[] = Array.from({ length: engine.groupCount() + 1 });
  for (const [name, index] of Object.entries(engine.namedGroups())) names[index] = name;
  return {
    finds: (text) => engine.test(text),
    size: engine.programSize(),
    names,
    groups(text) {
      const matcher = engine.matcher(text);
      return matcher.matches() ? names.map((_, i) => matcher.group(i) ?? '') : null;
    },
    extract(text, rewrite) {
      const matcher = engine.matcher(text);
      if (!matcher.find()) return null;
      return rewrite.replace(/\\([0-9\\])/g, (_, c: string) => (c === '\\' ? c : (matcher.group(Number(c)) ?? '')));
    },
  };
}
