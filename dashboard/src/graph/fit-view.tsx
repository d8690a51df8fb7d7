// Keeps all of the graph in sight when workloads come or go and when the panel takes some of the room.
import { useReactFlow, useStore } from '@xyflow/react';
import { useEffect } from 'react';
import type { Layout } from './layout.ts';

export const FIT = { padding: 0.06, maxZoom: 1.15 };

export function FitView({ layout }: { layout: Layout }): null {
  const { fitView } = useReactFlow();
  const width = useStore((state) => state.width);
  // biome-ignore lint/correctness/useExhaustiveDependencies: either of them changing is the reason to fit again
  useEffect(() => {
    const frame = requestAnimationFrame(() => void fitView({ ...FIT, duration: 200 }));
    return () => cancelAnimationFrame(frame);
  }, [fitView, layout, width]);
  return null;
}
