// What a filter is given of its exchange, which notes what the filter does with it.
import { vi } from 'vitest';
import type { FilterStream } from '../filter/filter.ts';

const outlet = () => ({ proceed: vi.fn(), write: vi.fn(), finish: vi.fn(), pause: vi.fn(), resume: vi.fn() });

export function filterStream() {
  return {
    request: outlet(),
    response: outlet(),
    answer: vi.fn(),
    reroute: () => undefined,
    run: (work: () => void) => work(),
  } satisfies FilterStream;
}
