// The mesh as it is now, pushed by the control plane over server-sent events; the browser reconnects by itself.
import { useEffect, useState } from 'react';
import type { GraphResponse, MeshEvents, ObjectSummary, ProxyStatus } from '../../src/api/types.ts';
import type { Problem } from '../../src/model/problem.ts';

export type Mesh = {
  /** False before the first event and while the control plane does not answer. */
  readonly live: boolean;
  readonly graph: GraphResponse;
  readonly proxies: readonly ProxyStatus[];
  readonly objects: readonly ObjectSummary[];
  readonly problems: readonly Problem[];
};

const nothing: Mesh = {
  live: false,
  graph: { at: 0, window: 10, nodes: [], edges: [] },
  proxies: [],
  objects: [],
  problems: [],
};

export function useMesh(): Mesh {
  const [mesh, setMesh] = useState(nothing);
  useEffect(() => {
    const source = new EventSource('/api/v1/events');
    const on = <T extends keyof MeshEvents>(topic: T, part: (payload: MeshEvents[T]) => Partial<Mesh>): void => {
      source.addEventListener(topic, (event) => {
        const payload = JSON.parse((event as MessageEvent<string>).data) as MeshEvents[T];
        setMesh((before) => ({ ...before, live: true, ...part(payload) }));
      });
    };
    on('graph', (graph) => ({ graph }));
    on('proxies', ({ proxies }) => ({ proxies }));
    on('objects', ({ objects }) => ({ objects }));
    on('problems', ({ problems }) => ({ problems }));
    source.addEventListener('error', () => setMesh((before) => ({ ...before, live: false })));
    return () => source.close();
  }, []);
  return mesh;
}
