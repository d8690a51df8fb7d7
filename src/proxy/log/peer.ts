// Which workload a peer says it is, as Istio's proxies tell each other: a base64 google.protobuf.Struct, and the name of the node.
import { fromBinary, fromJson, type JsonObject, toBinary, toJson } from '@bufbuild/protobuf';
import { StructSchema } from '@bufbuild/protobuf/wkt';
import type { Peer, WorkloadEnd } from '../http/workload.ts';
import { toldEnd } from './workload-end.ts';

/** Labels that Istio tells by itself. */
const LABELS = ['service.istio.io/canonical-name', 'service.istio.io/canonical-revision', 'app', 'version'];
const OWNER = 'kubernetes://apis/apps/v1/namespaces/';
const KINDS: ReadonlySet<string> = new Set(['pod', 'deployment', 'job', 'cronjob']);
const LONGEST = 16_384;
const MOST_PEERS = 500;

/** What this proxy says of itself. */
export function tellPeer(metadata: Readonly<Record<string, unknown>>, moreLabels: readonly string[]): string {
  const told = { ...textsIn(metadata, ['NAME', 'NAMESPACE', 'WORKLOAD_NAME', 'CLUSTER_ID']), ...ownerIn(metadata) };
  const labels = textsIn((metadata['LABELS'] ?? {}) as Readonly<Record<string, unknown>>, [...LABELS, ...moreLabels]);
  // In the order of their names, as protobuf writes a map for others to compare.
  const struct = Object.fromEntries(Object.entries({ ...told, LABELS: labels }).sort(([a], [b]) => (a < b ? -1 : 1)));
  return Buffer.from(toBinary(StructSchema, fromJson(StructSchema, struct))).toString('base64');
}

/** Of those who spoke last each is read once. */
export class Peers {
  readonly #known = new Map<string, Peer>();

  read(id: string, said: string): Peer {
    const key = `${id} ${said}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= MOST_PEERS) this.#known.clear();
    const peer = { id, said, end: readEnd(said) };
    this.#known.set(key, peer);
    return peer;
  }
}

function readEnd(said: string): WorkloadEnd | null {
  if (said === '' || said.length > LONGEST) return null;
  try {
    return toldEnd(toJson(StructSchema, fromBinary(StructSchema, Buffer.from(said, 'base64'))) as JsonObject);
  } catch {
    return null;
  }
}

function ownerIn(metadata: Readonly<Record<string, unknown>>): Record<string, string> {
  const [owner, workload] = [textOf(metadata['OWNER']), textOf(metadata['WORKLOAD_NAME'])];
  const kind = owner.split('/').at(-2)?.replace(/s$/, '') ?? '';
  if (!KINDS.has(kind)) return {};
  return { OWNER: `${OWNER}${textOf(metadata['NAMESPACE'])}/${kind}s/${workload}` };
}

function textsIn(from: Readonly<Record<string, unknown>>, names: readonly string[]): Record<string, string> {
  const found = names.map((name) => [name, textOf(from[name])] as const).filter(([, value]) => value !== '');
  return Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
