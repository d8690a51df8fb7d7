// Keeps the layout as long as nothing comes or goes: figures change every second, places must not.
import { useEffect, useMemo, useRef, useState } from 'react';
import type { GraphResponse } from '../../../src/api/types.ts';
import { type Layout, type LayoutRequest, layoutKey } from './layout.ts';

/** null before the first layout. An edge without traffic keeps its place: it may come back any second. */
export function useLayout(graph: GraphResponse): Layout | null {
  const [layout, setLayout] = useState<Layout | null>(null);
  const worker = useRef<Worker | null>(null);
  const request = requestOf(graph);
  const key = layoutKey(request);
  // The key stands for all of the request that matters.
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new request with the same key is the same layout
  const stable = useMemo(() => request, [key]);
  useEffect(() => {
    const started = new Worker(new URL('./layout.worker.ts', import.meta.url), { type: 'module' });
    started.addEventListener('message', ({ data }: MessageEvent<Layout>) => setLayout(data));
    worker.current = started;
    return () => started.terminate();
  }, []);
  useEffect(() => worker.current?.postMessage(stable), [stable]);
  return layout;
}

function requestOf({ nodes, edges }: GraphResponse): LayoutRequest {
  return {
    nodes: nodes.map(({ id, namespace, app, kind }) => ({ id, namespace, app, boxed: kind === 'workload' })),
    edges: edges.map(({ id, from, to }) => ({ id, from, to })),
  };
}
