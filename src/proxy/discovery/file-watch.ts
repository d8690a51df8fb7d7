// Tells when files have other contents. Their folders are watched, because files are replaced and not written to: by an editor, or by Kubernetes,
// which swaps a link beside them (`..data`) that their names lead through.
import { createHash } from 'node:crypto';
import { type FSWatcher, lstatSync, readFileSync, watch } from 'node:fs';
import { dirname } from 'node:path';

export class FileWatch {
  readonly #files: readonly string[];
  readonly #onChange: () => void;
  #watchers: FSWatcher[] = [];
  #contents: string;
  #looking = false;
  #closed = false;

  constructor(files: readonly string[], onChange: () => void) {
    this.#files = files;
    this.#onChange = onChange;
    this.#contents = digest(files);
    this.#watch();
  }

  close(): void {
    this.#closed = true;
    for (const watcher of this.#watchers.splice(0)) watcher.close();
  }

  #watch(): void {
    for (const watcher of this.#watchers.splice(0)) watcher.close();
    for (const folder of foldersOf(this.#files)) {
      try {
        const watcher = watch(folder, () => this.#look());
        watcher.on('error', () => this.#look());
        this.#watchers.push(watcher);
      } catch {
        // Not there now: the folder above tells when it is.
      }
    }
  }

  /** Once for all that changed in a turn. */
  #look(): void {
    if (this.#looking || this.#closed) return;
    this.#looking = true;
    setImmediate(() => {
      this.#looking = false;
      if (this.#closed) return;
      // A folder may be another one now.
      this.#watch();
      const contents = digest(this.#files);
      if (contents === this.#contents) return;
      this.#contents = contents;
      this.#onChange();
    });
  }
}

/** The folders of the files, and those of folders that are links. */
function foldersOf(files: readonly string[]): ReadonlySet<string> {
  const folders = new Set<string>();
  for (const file of files) {
    let folder = dirname(file);
    folders.add(folder);
    while (!isFolder(folder) && dirname(folder) !== folder) {
      folder = dirname(folder);
      folders.add(folder);
    }
  }
  return folders;
}

/** Neither a link nor missing. */
function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function digest(files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files) {
    const bytes = readIfThere(file);
    hash.update(bytes === null ? '-' : `${bytes.length}:`).update(bytes ?? '');
  }
  return hash.digest('base64');
}

function readIfThere(file: string): Buffer | null {
  try {
    return readFileSync(file);
  } catch {
    return null;
  }
}
