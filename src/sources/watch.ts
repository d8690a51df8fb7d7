// Reads a folder again whenever something in it changes. Editors save by rename, tools delete and recreate whole folders:
// so every folder is watched for itself, watchers are renewed at each reading, and a missing root is waited for in its parent.
import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import type { Problem } from '../model/problem.ts';
import { fileProblem } from './document.ts';
import { FileCache, type Reading } from './files.ts';
import { isMissing, listTree } from './tree.ts';

export type FileWatch = {
  /** Stops; `onChange` is not called afterwards. */
  close(): void;
};

/** Test seam: how to wait. The returned function cancels. */
export type Delay = (milliseconds: number, then: () => void) => () => void;

const QUIET_MILLIS = 50;
const realDelay: Delay = (milliseconds, then) => {
  const timer = setTimeout(then, milliseconds);
  return () => clearTimeout(timer);
};

/** Calls `onChange` once with what is there, then after every change that alters the objects or problems, one call at a time. */
export function watchFiles(path: string, onChange: (reading: Reading) => void, delay: Delay = realDelay): FileWatch {
  const watch = new FolderWatch(resolve(path), path, onChange, delay);
  watch.start();
  return { close: () => watch.close() };
}

class FolderWatch {
  readonly #root: string;
  /** As the user wrote it: messages show this one. */
  readonly #path: string;
  readonly #onChange: (reading: Reading) => void;
  readonly #delay: Delay;
  readonly #cache = new FileCache();
  readonly #watchers = new Map<string, { readonly watcher: FSWatcher; readonly inode: number }>();
  #unwatched: Problem[] = [];
  #last: Reading | null = null;
  #cancel: (() => void) | null = null;
  #reading = false;
  #again = false;
  #closed = false;

  constructor(root: string, path: string, onChange: (reading: Reading) => void, delay: Delay) {
    this.#root = root;
    this.#path = path;
    this.#onChange = onChange;
    this.#delay = delay;
  }

  start(): void {
    void this.#read();
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
    for (const { watcher } of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  /** Waits for quiet: each event starts the wait anew. */
  #schedule(): void {
    if (this.#closed) return;
    this.#cancel?.();
    this.#cancel = this.#delay(QUIET_MILLIS, () => {
      this.#cancel = null;
      void this.#read();
    });
  }

  async #read(): Promise<void> {
    if (this.#reading) {
      this.#again = true;
      return;
    }
    this.#reading = true;
    try {
      do {
        this.#again = false;
        // Watchers first: a change between the two is then seen twice rather than never.
        await this.#renewWatchers();
        const { objects, problems } = await this.#cache.read(this.#path);
        this.#deliver({ objects, problems: [...problems, ...this.#unwatched] });
      } while (this.#again && !this.#closed);
    } finally {
      this.#reading = false;
    }
  }

  #deliver(reading: Reading): void {
    if (this.#closed || (this.#last !== null && same(this.#last, reading))) return;
    this.#last = reading;
    this.#onChange(reading);
  }

  async #renewWatchers(): Promise<void> {
    const wanted = await foldersToWatch(this.#root);
    for (const [folder, { watcher, inode }] of this.#watchers) {
      if (wanted.get(folder)?.inode === inode) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    this.#unwatched = [];
    for (const [folder, { inode, only }] of wanted) this.#watchFolder(folder, inode, only);
  }

  #watchFolder(folder: string, inode: number, only: string | null): void {
    if (this.#closed || this.#watchers.has(folder)) return;
    try {
      const watcher = watch(folder, (_, name) => {
        if (only === null || name === null || name === only || name === basename(folder)) this.#schedule();
      });
      watcher.on('error', () => {
        watcher.close();
        this.#watchers.delete(folder);
        this.#schedule();
      });
      this.#watchers.set(folder, { watcher, inode });
    } catch (error) {
      // Gone since it was listed: look again. Otherwise the system's limit of watches is the usual reason.
      if (isMissing(error)) this.#schedule();
      else this.#unwatched.push(fileProblem(folder, 0, `cannot be watched: ${String(error)}`, 'changes go unseen'));
    }
  }
}

type Wanted = { readonly inode: number; readonly only: string | null };

/** Every folder of the tree, and what holds its root (`only`: no other name matters there) up to the nearest that exists. */
async function foldersToWatch(root: string): Promise<Map<string, Wanted>> {
  const wanted = new Map<string, Wanted>();
  for (let path = root; dirname(path) !== path; path = dirname(path)) {
    const inode = await inodeOf(dirname(path));
    if (inode === null) continue;
    wanted.set(dirname(path), { inode, only: basename(path) });
    break;
  }
  const tree = await listTree(root).catch(() => null);
  for (const [folder, inode] of tree?.folders ?? []) wanted.set(folder, { inode, only: null });
  return wanted;
}

/** Failures are left to the reading, which reports them. */
const inodeOf = (path: string): Promise<number | null> =>
  stat(path).then(
    (found) => found.ino,
    () => null,
  );

const same = (a: Reading, b: Reading): boolean =>
  sameItems(a.objects, b.objects) && sameProblems(a.problems, b.problems);

const sameItems = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((item, index) => item === b[index]);

/** Problems about the reading itself are made anew each time, so they are compared by what they say. */
const sameProblems = (a: Reading['problems'], b: Reading['problems']): boolean =>
  a.length === b.length && JSON.stringify(a) === JSON.stringify(b);
