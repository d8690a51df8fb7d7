// One file's text → objects with the line of every field. YAML 1.2 (of which JSON is a part), several documents, `kind: List`.
import { type Document, isAlias, isCollection, isMap, isScalar, LineCounter, type Node, parseAllDocuments } from 'yaml';
import type { MeshObject, Place } from '../model/object.ts';
import type { Problem } from '../model/problem.ts';
import { isClusterScoped } from './scope.ts';

export type FileContent = { readonly objects: readonly MeshObject[]; readonly problems: readonly Problem[] };

const MAX_DOCUMENTS = 10_000;
/** How many nodes aliases may expand to, per alias used: stops "billion laughs". */
const MAX_ALIAS_EXPANSION = 100;

export function parseFile(file: string, text: string): FileContent {
  const lines = new LineCounter();
  const objects: MeshObject[] = [];
  const problems: Problem[] = [];
  const documents = parseAllDocuments(text, { lineCounter: lines, merge: true, uniqueKeys: true, logLevel: 'silent' });
  const parsed = Array.isArray(documents) ? documents : [];
  if (parsed.length > MAX_DOCUMENTS) {
    return { objects, problems: [fileProblem(file, 0, `more than ${MAX_DOCUMENTS} documents in one file`)] };
  }
  for (const document of parsed) {
    const content = readDocument({ file, lines, document });
    objects.push(...content.objects);
    problems.push(...content.problems);
  }
  return { objects, problems };
}

export function fileProblem(file: string, line: number, message: string, hint = ''): Problem {
  return { severity: 'error', code: 'syntax', origin: fileOrigin(file, line), message, hint };
}

type Source = { readonly file: string; readonly lines: LineCounter; readonly document: Document };

function readDocument(source: Source): FileContent {
  const { file, lines, document } = source;
  const [error] = document.errors;
  if (error !== undefined) {
    const line = lines.linePos(error.pos[0]).line;
    return { objects: [], problems: [fileProblem(file, line, firstLine(error.message))] };
  }
  let body: unknown;
  try {
    body = document.toJS({ maxAliasCount: MAX_ALIAS_EXPANSION });
    // An alias to what contains it would make a circle that no one downstream expects; this throws on one.
    JSON.stringify(body);
  } catch (error) {
    return {
      objects: [],
      problems: [fileProblem(file, startLine(source), `cannot be read: ${firstLine(String(error))}`)],
    };
  }
  return body === null || body === undefined ? { objects: [], problems: [] } : readItem(source, body, []);
}

/** `prefix` leads from the document to the object: empty, or `['items', 3]` in a List. */
function readItem(source: Source, body: unknown, prefix: readonly (string | number)[]): FileContent {
  if (!isRecord(body)) return refuse(source, prefix, 'not an object: it has no apiVersion and kind');
  const { apiVersion, kind } = body;
  if (typeof apiVersion !== 'string' || apiVersion === '') return refuse(source, prefix, 'apiVersion is missing');
  if (typeof kind !== 'string' || kind === '') return refuse(source, prefix, 'kind is missing');
  if (kind.endsWith('List') && Array.isArray(body['items']) && prefix.length === 0) {
    const parts = body['items'].map((item, index) => readItem(source, item, ['items', index]));
    return { objects: parts.flatMap((part) => part.objects), problems: parts.flatMap((part) => part.problems) };
  }
  const metadata = isRecord(body['metadata']) ? body['metadata'] : {};
  const { name, namespace } = metadata;
  if (typeof name !== 'string' || name === '') return refuse(source, prefix, `${kind}: metadata.name is missing`);
  if (namespace !== undefined && namespace !== null && typeof namespace !== 'string') {
    return refuse(source, prefix, `${kind} ${name}: metadata.namespace is not a string`);
  }
  const object: MeshObject = {
    apiVersion,
    kind,
    name,
    namespace: isClusterScoped(apiVersion, kind) ? '' : namespace || 'default',
    labels: texts(metadata['labels']),
    annotations: texts(metadata['annotations']),
    created: typeof metadata['creationTimestamp'] === 'string' ? metadata['creationTimestamp'] : '',
    body,
    place: placeOf(source, prefix),
  };
  return { objects: [object], problems: [] };
}

function refuse(source: Source, prefix: readonly (string | number)[], message: string): FileContent {
  return { objects: [], problems: [fileProblem(source.file, lineOf(source, prefix), message)] };
}

function placeOf(source: Source, prefix: readonly (string | number)[]): Place {
  return { file: source.file, line: (path) => lineOf(source, [...prefix, ...path]) };
}

/** The line of the key, where there is one: that is what a person looks for. */
function lineOf(source: Source, path: readonly (string | number)[]): number {
  const { document, lines } = source;
  let node: unknown = resolve(document, document.contents);
  let line = startLine(source);
  for (const key of path) {
    if (!isCollection(node)) break;
    const pair = isMap(node)
      ? node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key))
      : undefined;
    const child = isMap(node) ? pair?.value : node.items[Number(key)];
    const at = (isScalar(pair?.key) ? pair.key : (child as Node | undefined))?.range?.[0];
    if (at === undefined) break;
    line = lines.linePos(at).line;
    node = resolve(document, child);
  }
  return line;
}

function startLine({ document, lines }: Source): number {
  return lines.linePos(document.contents?.range?.[0] ?? document.range?.[0] ?? 0).line;
}

function resolve(document: Document, node: unknown): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}

/** Only what is a string: labels and annotations with other values are the API server's to refuse. */
function texts(raw: unknown): Readonly<Record<string, string>> {
  if (!isRecord(raw)) return {};
  return Object.fromEntries(
    Object.entries(raw).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

function fileOrigin(file: string, line: number): Problem['origin'] {
  return { dialect: 'tulle', group: '', kind: 'File', namespace: '', name: file, path: '', place: { file, line } };
}

const firstLine = (message: string): string => message.split('\n', 1)[0]!.replace(/ at line \d+, column \d+:?$/, '');

function isRecord(raw: unknown): raw is Readonly<Record<string, unknown>> {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw);
}
