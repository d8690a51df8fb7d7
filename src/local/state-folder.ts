// The one folder a local mesh keeps its state in: the CA, what its processes start with, and their logs. Safe to delete when nothing runs.
import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { StartError } from './start-error.ts';

/** `sun_path` of a Unix socket holds this many bytes on Linux, and the ending NUL; 104 elsewhere. */
const LONGEST_SOCKET = 103;

export class StateFolder {
  readonly path: string;
  readonly #sockets: string;

  private constructor(path: string) {
    this.path = path;
    const inside = join(path, 'sockets');
    const digest = createHash('sha256').update(path).digest('hex').slice(0, 12);
    const fits = Buffer.byteLength(join(inside, 'x'.repeat(16))) <= LONGEST_SOCKET;
    this.#sockets = fits ? inside : join(tmpdir(), `tulle-${digest}`);
  }

  /**
   * Takes the folder for this process. `fresh` clears what an earlier run left; `resumed` keeps it, for processes that outlived that run.
   * @throws StartError while another process has it.
   */
  static async open(path: string, start: 'fresh' | 'resumed' = 'fresh'): Promise<StateFolder> {
    const folder = new StateFolder(resolve(path));
    await mkdir(folder.path, { recursive: true, mode: 0o700 });
    await folder.#take();
    for (const part of [...['proxies', 'tokens', 'logs'].map((name) => join(folder.path, name)), folder.#sockets]) {
      if (start === 'fresh') await rm(part, { recursive: true, force: true });
      await mkdir(part, { recursive: true, mode: 0o700 });
    }
    return folder;
  }

  get authority(): string {
    return join(this.path, 'ca');
  }

  /** For NODE_COMPILE_CACHE: a dozen proxies run the same code. */
  get compileCache(): string {
    return join(this.path, 'compile-cache');
  }

  logFile(name: string): string {
    return join(this.path, 'logs', `${name}.log`);
  }

  /** The Unix socket that belongs to the name; short enough for every system. */
  socket(name: string): string {
    return join(this.#sockets, createHash('sha256').update(name).digest('hex').slice(0, 12));
  }

  /** Returns where it was written. */
  async writeProxyFile(name: string, text: string): Promise<string> {
    return this.#write(join(this.path, 'proxies', name), text);
  }

  async writeToken(name: string, token: string): Promise<string> {
    return this.#write(join(this.path, 'tokens', name), token);
  }

  /** '' when there is none. */
  readToken(name: string): Promise<string> {
    return this.#read(join('tokens', name));
  }

  /** What is kept from one run to the next; '' when there is none. */
  readNote(name: string): Promise<string> {
    return this.#read(name);
  }

  async writeNote(name: string, text: string): Promise<string> {
    return this.#write(join(this.path, name), text);
  }

  /** `left`: processes outlive this one, and may use what is there. */
  async close(left: 'nothing' | 'processes' = 'nothing'): Promise<void> {
    if (left === 'nothing') await rm(this.#sockets, { recursive: true, force: true });
    await rm(this.#owner, { force: true });
  }

  get #owner(): string {
    return join(this.path, 'pid');
  }

  async #take(): Promise<void> {
    const mine = await open(this.#owner, 'wx', 0o600).catch(() => null);
    if (mine !== null) {
      await mine.writeFile(String(process.pid));
      return mine.close();
    }
    const owner = Number(await readFile(this.#owner, 'utf8').catch(() => ''));
    if (owner !== process.pid && isAlive(owner)) {
      throw new StartError(
        `process ${owner} runs a mesh with its state in ${this.path}`,
        'stop it, or choose another folder with --state',
      );
    }
    await this.#write(this.#owner, String(process.pid));
  }

  async #read(name: string): Promise<string> {
    try {
      return await readFile(join(this.path, name), 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
      throw error;
    }
  }

  /** As a whole or not at all: a process may be about to read it. */
  async #write(path: string, text: string): Promise<string> {
    const scratch = `${path}.new`;
    await writeFile(scratch, text, { mode: 0o600 });
    await rename(scratch, path);
    return path;
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 1) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
