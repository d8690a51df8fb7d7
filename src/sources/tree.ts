// Which files and folders lie under a path. Names that begin with a dot are left out: editors' locks and swap files, `.git`, state folders.
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

export type Tree = {
  readonly files: readonly string[];
  /** With their identity: a folder that was deleted and made anew is another one. */
  readonly folders: ReadonlyMap<string, number>;
};

const EXTENSIONS = /\.(ya?ml|json)$/;

/** Files come sorted by path. A file is its own tree. Throws when the path is not there; folders that vanish meanwhile are left out. */
export async function listTree(path: string): Promise<Tree> {
  const root = await stat(path);
  if (!root.isDirectory()) return { files: [path], folders: new Map() };
  const files: string[] = [];
  const folders = new Map([[path, root.ino]]);
  for (const folder of folders.keys()) {
    for (const entry of await entriesOf(folder, path)) {
      const child = join(folder, entry.name);
      if (entry.isDirectory()) await addFolder(folders, child);
      else if (EXTENSIONS.test(entry.name)) files.push(child);
    }
  }
  return { files: files.sort(), folders };
}

async function entriesOf(folder: string, root: string): Promise<Dirent[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => !entry.name.startsWith('.'));
  } catch (error) {
    if (folder !== root && isMissing(error)) return [];
    throw error;
  }
}

async function addFolder(folders: Map<string, number>, folder: string): Promise<void> {
  try {
    folders.set(folder, (await stat(folder)).ino);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

export const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
