// Which modules a source file names: static, dynamic, re-exports and types.
import { codeOf, lineAt } from './code.ts';

export type ImportStatement = {
  readonly specifier: string;
  readonly line: number;
  /** Erased before it runs: `import type`, `export type … from`, `import('x').T` in a type. */
  readonly typeOnly: boolean;
};

/** Strings are blanked in code, so a specifier is a gap after one of these. */
const FORMS: readonly RegExp[] = [
  /(?<![\w.$])(?:import|export)\s+(?<type>type\s+)?[\w$*{},\s]*?\bfrom(?= +(?:;|with\b))/g,
  /(?<![\w.$])import(?=\s+;)/g,
  /(?<![\w.$])(?<type>typeof\s+)?import\(/g,
  /(?<![\w.$])require(?:\.resolve)?\(/g,
];
/** `import('x').T`: only a type is picked off the module itself, a value comes after await or then. */
const PICKED_TYPE = /^\s*(['"`])[^'"`\n]*\1\s*\)\s*\.\s*[A-Z]/;

export function importsOf(text: string): ImportStatement[] {
  const code = codeOf(text);
  const found: ImportStatement[] = [];
  for (const pattern of FORMS) {
    for (const match of code.matchAll(pattern)) {
      const after = text.slice(match.index + match[0].length);
      const specifier = /^\s*(['"`])([^'"`\n]*)\1/.exec(after)?.[2];
      if (specifier === undefined) continue;
      const typeOnly = match.groups?.['type'] !== undefined || (match[0].endsWith('(') && PICKED_TYPE.test(after));
      found.push({ specifier, line: lineAt(text, match.index), typeOnly });
    }
  }
  return found.sort((a, b) => a.line - b.line);
}
