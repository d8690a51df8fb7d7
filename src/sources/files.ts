// A folder or file of YAML and JSON → objects and problems. What was parsed is kept by content, so that a re-read costs what changed.
import { open } from 'node:fs/promises';
import { type MeshObject, refOf } from '../model/object.ts';
import { describeObject, objectKey } from '../model/origin.ts';
import type { Problem } from '../model/problem.ts';
import { type FileContent, fileProblem, parseFile } from './document.ts';
import { isMissing, listTree } from './tree.ts';

export type Reading = { readonly objects: readonly MeshObject[]; readonly problems: readonly Problem[] };

/** Parsing costs about 0.7 s per MiB. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;
const MAX_FILES = 10_000;

/** Reads once. A missing path is a problem, not an error. */
export const readFiles = (path: string): Promise<Reading> => new FileCache().read(path);

/** Remembers each file's text and what it held. */
export class FileCache {
  #files = new Map<string, { readonly text: string; readonly content: FileContent }>();

  async read(path: string): Promise<Reading> {
    const { files, problems } = await listFiles(path);
    const kept = new Map<string, { readonly text: string; readonly content: FileContent }>();
    const contents: FileContent[] = [{ objects: [], problems }];
    for (const file of files) {
      const text = await readText(file);
      if (text.kind === 'gone') continue;
      if (text.kind === 'refused') {
        contents.push({ objects: [], problems: [fileProblem(file, 0, text.reason)] });
        continue;
      }
      const known = this.#files.get(file);
      const entry = known?.text === text.text ? known : { text: text.text, content: parseFile(file, text.text) };
      kept.set(file, entry);
      contents.push(entry.content);
    }
    this.#files = kept;
    return withoutDuplicates(contents);
  }
}

async function listFiles(path: string): Promise<{ files: readonly string[]; problems: Problem[] }> {
  try {
    const { files } = await listTree(path);
    if (files.length <= MAX_FILES) return { files, problems: [] };
    return {
      files: files.slice(0, MAX_FILES),
      problems: [fileProblem(path, 0, `more than ${MAX_FILES} files; the rest was left out`)],
    };
  } catch (error) {
    return { files: [], problems: [fileProblem(path, 0, `cannot be read: ${reasonOf(error)}`)] };
  }
}

type Text =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'gone' }
  | { readonly kind: 'refused'; readonly reason: string };

async function readText(file: string): Promise<Text> {
  try {
    await using handle = await open(file, 'r');
    const info = await handle.stat();
    // A pipe or device would block for ever.
    if (!info.isFile()) return { kind: 'refused', reason: 'not a regular file' };
    if (info.size > MAX_FILE_BYTES) return { kind: 'refused', reason: `larger than ${MAX_FILE_BYTES} bytes` };
    return { kind: 'text', text: await handle.readFile('utf8') };
  } catch (error) {
    // Deleted between listing and reading: as if it had never been listed.
    return isMissing(error) ? { kind: 'gone' } : { kind: 'refused', reason: `cannot be read: ${reasonOf(error)}` };
  }
}

/** Files come in the order of their names, so which of two objects is first does not depend on the file system. */
function withoutDuplicates(contents: readonly FileContent[]): Reading {
  const first = new Map<string, MeshObject>();
  const problems: Problem[] = contents.flatMap((content) => content.problems);
  for (const object of contents.flatMap((content) => content.objects)) {
    const key = objectKey(refOf(object));
    const earlier = first.get(key);
    if (earlier === undefined) first.set(key, object);
    else problems.push(duplicate(object, earlier));
  }
  return { objects: [...first.values()], problems };
}

function duplicate(object: MeshObject, earlier: MeshObject): Problem {
  const { file = '', line = 0 } = placeOf(object);
  const kept = placeOf(earlier);
  return {
    ...fileProblem(file, line, `${describeObject(refOf(object))} is also at ${kept.file}:${kept.line}, which is kept`),
    code: 'conflict',
  };
}

const placeOf = ({ place }: MeshObject): { file: string; line: number } =>
  place === null ? { file: '', line: 0 } : { file: place.file, line: place.line([]) };

const reasonOf = (error: unknown): string =>
  isMissing(error) ? 'no such file or folder' : error instanceof Error ? error.message : String(error);
