// The annotation `tulle.dev/command` → the words of a command. No shell is involved: quotes group, a backslash escapes, nothing expands.

export type Command =
  | { readonly kind: 'words'; readonly words: readonly [string, ...string[]] }
  | { readonly kind: 'invalid'; readonly reason: string };

/** `node app.ts --name "my app"`, or a JSON array of strings. */
export function parseCommand(text: string): Command {
  const parsed = text.trimStart().startsWith('[') ? parseArray(text) : splitWords(text);
  if (typeof parsed === 'string') return { kind: 'invalid', reason: parsed };
  const [command, ...args] = parsed;
  if (command === undefined || command === '') return { kind: 'invalid', reason: 'the command is empty' };
  return parsed.some((word) => word.includes('\0'))
    ? { kind: 'invalid', reason: 'the command has a NUL character' }
    : { kind: 'words', words: [command, ...args] };
}

function parseArray(text: string): string[] | string {
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value) && value.every((word) => typeof word === 'string')) return value;
  } catch {
    // Falls through: said below.
  }
  return 'begins like a JSON array but is not one of strings';
}

/** As a POSIX shell splits: 'single' quotes keep everything, "double" quotes let \" and \\ through, outside \ escapes any character. */
function splitWords(text: string): string[] | string {
  const words: string[] = [];
  let word: string | null = null;
  let quote: '"' | "'" | null = null;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] as string;
    const next = text[at + 1];
    if (quote === "'" ? char === "'" : quote === '"' && char === '"') {
      quote = null;
    } else if (char === '\\' && quote !== "'" && next !== undefined && (quote === null || '"\\'.includes(next))) {
      word = (word ?? '') + next;
      at += 1;
    } else if (quote === null && (char === '"' || char === "'")) {
      quote = char;
      word ??= '';
    } else if (quote === null && /\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else {
      word = (word ?? '') + char;
    }
  }
  if (quote !== null) return `a ${quote} is not closed`;
  return word === null ? words : [...words, word];
}
