// The rules of the house: each takes the whole tree and returns one exact message per breach.
import { posix } from 'node:path';
import { codeOf, lineAt } from './code.ts';
import { type ImportStatement, importsOf } from './imports.ts';
import { readSign, type Sign } from './sign.ts';

/** Path relative to src → text, of every .ts file and every README.md; without generated code and test data. */
export type SourceTree = ReadonlyMap<string, string>;

const GENERATED = 'xds/gen';
const PURE = ['model', 'read', 'mesh', 'encode', 'explain'];
const IMPURE_MODULES =
  /^node:(fs|net|tls|http|https|http2|dns|dgram|os|process|child_process|worker_threads|cluster|timers|perf_hooks|readline|inspector)(\/|$)/;
const IMPURE_CODE: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/(?<![\w.$])new\s+Date\b|(?<![\w.$])Date\s*[.(]/g, 'Date'],
  [/(?<![\w.$])Math\s*\.\s*random\b/g, 'Math.random'],
  [/(?<![\w.$])(?:setTimeout|setInterval|setImmediate|queueMicrotask)\s*\(/g, 'a timer'],
  [/(?<![\w.$])process\s*[.[]/g, 'process'],
  [/(?<![\w.$])performance\s*\./g, 'performance'],
  [/(?<![\w$])(?:randomUUID|randomBytes|randomInt|getRandomValues)\s*\(/g, 'randomness'],
  [/(?<![\w.$])fetch\s*\(/g, 'fetch'],
  [/(?<![\w.$])globalThis\b/g, 'globalThis'],
];

/** Every breach of every rule, in order of file. */
export function breaches(tree: SourceTree): string[] {
  const { signs, broken } = signsOf(tree);
  const imports = new Map(sources(tree).map((file) => [file, importsOf(tree.get(file)!)]));
  return [
    ...broken,
    ...missingSigns(tree, signs),
    ...[...imports].flatMap(([file, statements]) => (isTest(file) ? [] : unallowed(file, statements, signs, tree))),
    ...sources(tree).flatMap((file) => impurities(file, tree.get(file)!, imports.get(file)!)),
    ...cycles(imports),
  ];
}

function signsOf(tree: SourceTree): { signs: Map<string, Sign>; broken: string[] } {
  const signs = new Map<string, Sign>();
  const broken: string[] = [];
  for (const [file, text] of tree) {
    if (posix.basename(file) !== 'README.md') continue;
    try {
      const sign = readSign(folderOf(file), text);
      signs.set(sign.folder, sign);
      broken.push(...unknownFolders(sign, tree));
    } catch (error) {
      broken.push(error instanceof Error ? error.message : String(error));
    }
  }
  return { signs, broken };
}

/** An entry that names nothing is a slip of the pen that would otherwise stay unseen. */
function unknownFolders(sign: Sign, tree: SourceTree): string[] {
  return sign.mayImport
    .filter((entry) => entry !== GENERATED && ![...tree.keys()].some((file) => covers(entry, file)))
    .map((entry) => `src/${sign.folder}/README.md: "May import" names ${entry}, which is no folder or file of src`);
}

function missingSigns(tree: SourceTree, signs: ReadonlyMap<string, Sign>): string[] {
  const folders = new Set(sources(tree).map(folderOf));
  return [...folders]
    .filter((folder) => !signs.has(folder) && !tree.has(posix.join(folder, 'README.md')))
    .sort()
    .map(
      (folder) =>
        `src/${folder} has .ts files and no sign (hint: write src/${folder}/README.md as src/model/README.md is)`,
    );
}

function unallowed(
  file: string,
  statements: readonly ImportStatement[],
  signs: ReadonlyMap<string, Sign>,
  tree: SourceTree,
): string[] {
  const sign = nearestSign(folderOf(file), signs);
  if (sign === null) return [];
  return statements.flatMap(({ specifier, line }) => {
    const here = `src/${file}:${line}: import of ${specifier}`;
    const from = `src/${sign.folder}/README.md`;
    if (!specifier.startsWith('.')) {
      return sign.mayUse.includes(moduleOf(specifier)) || sign.mayUse.includes(specifier)
        ? []
        : [`${here}: "May use" of ${from} does not list ${moduleOf(specifier)}`];
    }
    const target = posix.join(folderOf(file), specifier);
    if (target.startsWith('..')) return [`${here}: leaves src`];
    if (!tree.has(target) && !covers(GENERATED, target)) return [`${here}: there is no src/${target}`];
    if (isTest(target)) return [`${here}: is a test`];
    const allowed = [sign.folder, ...sign.mayImport].some((entry) => covers(entry, target));
    return allowed ? [] : [`${here}: "May import" of ${from} does not allow ${folderOf(target)}`];
  });
}

function impurities(file: string, text: string, statements: readonly ImportStatement[]): string[] {
  if (isTest(file) || !PURE.some((room) => covers(room, file))) return [];
  const modules = statements
    .filter(({ specifier }) => IMPURE_MODULES.test(specifier))
    .map(({ specifier, line }) => `src/${file}:${line}: pure room uses ${specifier}`);
  const code = codeOf(text);
  const uses = IMPURE_CODE.flatMap(([pattern, name]) =>
    [...code.matchAll(pattern)].map((found) => `src/${file}:${lineAt(code, found.index)}: pure room uses ${name}`),
  );
  return [...modules, ...uses];
}

/** Each cycle once, by the files on it, as found by depth-first search. */
function cycles(imports: ReadonlyMap<string, readonly ImportStatement[]>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const at = path.indexOf(file);
    if (at >= 0) {
      found.push(`import cycle: ${[...path.slice(at), file].map((name) => `src/${name}`).join(' → ')}`);
      return;
    }
    if (done.has(file)) return;
    for (const { specifier, typeOnly } of imports.get(file) ?? []) {
      if (!typeOnly && specifier.startsWith('.')) visit(posix.join(folderOf(file), specifier), [...path, file]);
    }
    done.add(file);
  };
  for (const file of imports.keys()) visit(file, []);
  return found;
}

function sources(tree: SourceTree): string[] {
  return [...tree.keys()].filter((file) => file.endsWith('.ts')).sort();
}

function folderOf(file: string): string {
  const folder = posix.dirname(file);
  return folder === '.' ? '' : folder;
}

function isTest(file: string): boolean {
  return file.endsWith('.test.ts');
}

function nearestSign(folder: string, signs: ReadonlyMap<string, Sign>): Sign | null {
  for (let at = folder; ; at = folderOf(at)) {
    const sign = signs.get(at);
    if (sign !== undefined) return sign;
    if (at === '') return null;
  }
}

function covers(entry: string, file: string): boolean {
  return file === entry || file.startsWith(`${entry}/`);
}

/** `@scope/name/deep` → `@scope/name`; `node:fs/promises` stays. */
function moduleOf(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier;
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}
