// The MeshView of a running control plane: its loop, its snapshot cache and whoever runs the proxies, seen as the API needs them.
import type { ProxyPlan } from '../mesh/plan.ts';
import type { MeshObject } from '../model/object.ts';
import type { Problem } from '../model/problem.ts';
import type { Application } from '../xds/application.ts';
import { type EncodedResource, pushOrder, type Snapshot, type TypeUrl, typeUrl } from '../xds/resource.ts';
import type { NodeStatus, TypeStatus } from '../xds/status.ts';
import type { ExplainResult, MeshView, RunningProxy } from './mesh-view.ts';
import type { ExplainQuery, SyncStatus } from './types.ts';

/** What is used of `ControlLoop`. */
export type LoopSource = {
  readonly state: {
    readonly objects: readonly MeshObject[];
    readonly problems: readonly Problem[];
    readonly plans: readonly ProxyPlan[];
    readonly snapshots: ReadonlyMap<string, Snapshot>;
  };
  onChange(listener: () => void): () => void;
  applied(objectKey: string): Application;
};

/** What is used of `SnapshotCache`. */
type StatusSource = {
  status(nodeId: string): NodeStatus | undefined;
  onStatus(listener: (nodeId: string) => void): () => void;
};

export type ControlParts = {
  readonly loop: LoopSource;
  readonly cache: StatusSource;
  readonly proxies: () => readonly RunningProxy[];
  /** RFC 3339, or null when nobody knows. */
  readonly certificateExpires: (nodeId: string) => string | null;
  readonly explain: (query: ExplainQuery) => ExplainResult;
};

export function controlView({ loop, cache, proxies, certificateExpires, explain }: ControlParts): MeshView {
  return {
    objects: () => loop.state.objects,
    problems: () => loop.state.problems,
    plans: () => loop.state.plans,
    proxies,
    certificateExpires,
    explain,
    applied(key) {
      const { applied, proxies: total, rejected, milliseconds } = loop.applied(key);
      return { applied, total, rejected, millis: milliseconds === null ? null : Math.round(milliseconds) };
    },
    sync(nodeId) {
      const status = cache.status(nodeId);
      return status?.connected === true ? syncOf(status, loop.state.snapshots.get(nodeId)) : null;
    },
    origins(nodeId) {
      const types = loop.state.snapshots.get(nodeId)?.resources.values() ?? [];
      const origins = [...types].flatMap((resources) => [...resources.values()].flatMap((one) => one.origins));
      return [...new Set(origins)].sort();
    },
    onChange(listener) {
      const stops = [loop.onChange(listener), cache.onStatus(coalesce(listener))];
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
}

const TYPE_NAMES = new Map<TypeUrl, string>(Object.entries(typeUrl).map(([name, url]) => [url, name]));

function syncOf(status: NodeStatus, snapshot: Snapshot | undefined): SyncStatus[] {
  return pushOrder.map((url) => {
    const type = status.types.get(url);
    const asked = [...(snapshot?.resources.get(url)?.values() ?? [])].filter(
      ({ name }) => type?.wildcard === true || type?.names.has(name) === true,
    );
    const refusal = asked.flatMap(({ name, version }) => {
      const rejected = type?.rejected.get(name);
      return rejected?.version === version ? [rejected.detail] : [];
    });
    const [error = ''] = refusal;
    return { type: TYPE_NAMES.get(url) ?? url, state: stateOf(type, asked, error), resources: asked.length, error };
  });
}

function stateOf(type: TypeStatus | undefined, asked: readonly EncodedResource[], error: string): SyncStatus['state'] {
  if (type === undefined) return 'not-asked';
  if (error !== '') return 'rejected';
  return asked.every(({ name, version }) => type.acked.get(name)?.version === version) ? 'synced' : 'pending';
}

/** Acknowledgements come in crowds: one call for those of the same turn of the event loop. */
function coalesce(listener: () => void): () => void {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    setImmediate(() => {
      waiting = false;
      listener();
    });
  };
}
