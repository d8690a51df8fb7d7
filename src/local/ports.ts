// Local ports. Those a person sees are fixed, and a taken one is an error; all others are given out from 21000 up, skipping taken ones.
import { createServer } from 'node:net';
import { type Port, port } from '../model/units.ts';
import { StartError } from './start-error.ts';

/** What the machine says about its ports; a parameter for tests. */
export type Machine = {
  /** Whether a server could listen there now. */
  isFree(host: string, port: number): Promise<boolean>;
  /** Listens there until it is called back; null when the port is taken. */
  hold(host: string, port: number): Promise<(() => void) | null>;
};

/** Below the range that systems take the ports of outgoing connections from (32768 on Linux). */
const FIRST = 21_000;
const LAST = 31_999;
/**
 * Seconds pass between giving a port out and a process listening on it. So that two meshes started at the same time stay out of each
 * other's way, each takes whole blocks of ports, and holds the first port of each as the sign that it has it.
 */
const BLOCK = 500;

/** A key keeps its port for as long as it is retained: a restarted process is found where it was. */
export class PortAllocator {
  readonly #host: string;
  readonly #machine: Machine;
  readonly #byKey = new Map<string, Port>();
  readonly #given = new Set<number>();
  readonly #blocks: { readonly first: number; release(): void }[] = [];

  /** `known`: what was given out before, for processes that may run already. */
  constructor(host: string, machine: Machine = thisMachine, known: ReadonlyMap<string, Port> = new Map()) {
    this.#host = host;
    this.#machine = machine;
    for (const [key, number] of known) this.#give(key, number);
  }

  get assigned(): ReadonlyMap<string, Port> {
    return this.#byKey;
  }

  /** Not for concurrent use: the same keys in the same order get the same ports. */
  async allocate(key: string): Promise<Port> {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    for (const { first } of this.#blocks) {
      const found = await this.#findIn(first);
      if (found !== null) return this.#give(key, found);
    }
    const found = await this.#findIn(await this.#takeBlock());
    return found === null ? this.allocate(key) : this.#give(key, found);
  }

  /** Gives back the ports of all other keys. */
  retain(keys: ReadonlySet<string>): void {
    for (const [key, number] of this.#byKey) {
      if (keys.has(key)) continue;
      this.#byKey.delete(key);
      this.#given.delete(number);
    }
  }

  close(): void {
    for (const block of this.#blocks.splice(0)) block.release();
  }

  #give(key: string, number: number): Port {
    this.#given.add(number);
    this.#byKey.set(key, port(number));
    return port(number);
  }

  async #findIn(first: number): Promise<number | null> {
    for (let candidate = first + 1; candidate < first + BLOCK; candidate += 1) {
      if (!this.#given.has(candidate) && (await this.#machine.isFree(this.#host, candidate))) return candidate;
    }
    return null;
  }

  /** The first block that no mesh has. */
  async #takeBlock(): Promise<number> {
    for (let first = FIRST; first <= LAST; first += BLOCK) {
      if (this.#blocks.some((block) => block.first === first)) continue;
      const release = await this.#machine.hold(this.#host, first);
      if (release === null) continue;
      this.#blocks.push({ first, release });
      return first;
    }
    throw new StartError(`no free ports between ${FIRST} and ${LAST}`, 'run fewer replicas, or stop another mesh');
  }
}

/** A port that a person chose, and what for: `the dashboard`. */
export type FixedPort = { readonly port: number; readonly wantedBy: string; readonly hint: string };

/** @throws StartError that names every taken port and what wanted it. Port 0 (any) is always free. */
export async function requireFree(
  host: string,
  ports: readonly FixedPort[],
  machine: Machine = thisMachine,
): Promise<void> {
  const taken: FixedPort[] = [];
  for (const fixed of ports) if (fixed.port !== 0 && !(await machine.isFree(host, fixed.port))) taken.push(fixed);
  if (taken.length === 0) return;
  const list = taken.map(({ port, wantedBy }) => `port ${port}, which is for ${wantedBy}, is taken`).join('; ');
  throw new StartError(list, [...new Set(taken.map(({ hint }) => hint))].join('; '));
}

export const thisMachine: Machine = {
  async isFree(host, number) {
    const release = await thisMachine.hold(host, number);
    release?.();
    return release !== null;
  },
  hold(host, number) {
    return new Promise((resolve) => {
      const server = createServer((socket) => socket.destroy());
      server.once('error', () => resolve(null));
      server.listen({ host, port: number, exclusive: true }, () => resolve(() => void server.close()));
    });
  },
};
