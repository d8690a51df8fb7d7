// Local ports. Those a person sees are fixed, and a taken one is an error; all others are given out from 21000 up, skipping taken ones.
import { createServer } from 'node:net';
import { type Port, port } from '../model/units.ts';
import { StartError } from './start-error.ts';

/** Whether a server could listen there now. */
export type IsFree = (host: string, port: number) => Promise<boolean>;

/** Below the range that systems take the ports of outgoing connections from (32768 on Linux). */
const FIRST = 21_000;
const LAST = 32_000;

/** A key keeps its port for as long as it is retained: a restarted process is found where it was. */
export class PortAllocator {
  readonly #host: string;
  readonly #isFree: IsFree;
  readonly #byKey = new Map<string, Port>();
  readonly #given = new Set<number>();

  constructor(host: string, isFree: IsFree = isPortFree) {
    this.#host = host;
    this.#isFree = isFree;
  }

  /** Not for concurrent use: the same keys in the same order get the same ports. */
  async allocate(key: string): Promise<Port> {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    for (let candidate = FIRST; candidate <= LAST; candidate += 1) {
      if (this.#given.has(candidate) || !(await this.#isFree(this.#host, candidate))) continue;
      this.#given.add(candidate);
      this.#byKey.set(key, port(candidate));
      return port(candidate);
    }
    throw new StartError(`no free port between ${FIRST} and ${LAST}`, 'run fewer replicas');
  }

  /** Gives back the ports of all other keys. */
  retain(keys: ReadonlySet<string>): void {
    for (const [key, number] of this.#byKey) {
      if (keys.has(key)) continue;
      this.#byKey.delete(key);
      this.#given.delete(number);
    }
  }
}

/** A port that a person chose, and what for: `the dashboard`. */
export type FixedPort = { readonly port: number; readonly wantedBy: string; readonly hint: string };

/** @throws StartError that names every taken port and what wanted it. Port 0 (any) is always free. */
export async function requireFree(
  host: string,
  ports: readonly FixedPort[],
  isFree: IsFree = isPortFree,
): Promise<void> {
  const taken: FixedPort[] = [];
  for (const fixed of ports) if (fixed.port !== 0 && !(await isFree(host, fixed.port))) taken.push(fixed);
  if (taken.length === 0) return;
  const list = taken.map(({ port, wantedBy }) => `port ${port} is taken, ${wantedBy} needs it`).join('; ');
  throw new StartError(list, [...new Set(taken.map(({ hint }) => hint))].join('; '));
}

export function isPortFree(host: string, number: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host, port: number, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
