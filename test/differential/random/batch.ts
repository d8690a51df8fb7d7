// Many sketches at once: both proxies start once for all of them.
import { isDeepStrictEqual } from 'node:util';
import { type Reply, respond } from '../../support/upstream.ts';
import type { Case, Suite } from '../harness/case.ts';
import { difference } from '../harness/difference.ts';
import { observe } from '../harness/observation.ts';
import { envoySubject, Stand, tulleSubject } from '../harness/stand.ts';
import { FILTERS } from './policies.ts';
import type { SketchedRequest } from './requests.ts';
import type { Sketch } from './sketch.ts';

/** The first difference of a batch. `index`: which sketch. */
export type Mismatch = { readonly index: number; readonly request: SketchedRequest; readonly difference: string };

/** null: the two did the same. `enough`: whether to stop, after so many requests, although not all was asked. */
export async function compareBatch(
  envoy: string,
  sketches: readonly Sketch[],
  enough: (asked: number) => boolean = () => false,
): Promise<{ mismatch: Mismatch | null; asked: number }> {
  const suite = suiteOf(sketches);
  await using reference = await Stand.start(envoySubject(envoy), suite, {});
  await using ours = await Stand.start(tulleSubject, suite, {});
  let asked = 0;
  for (const [index, { requests }] of sketches.entries()) {
    for (const request of requests) {
      if (enough(asked)) return { mismatch: null, asked };
      const one: Case = {
        name: '',
        send: wire(request, index),
        script: script(request, index),
        wants: { status: 200 },
      };
      const [expected, found] = await Promise.all([observe(reference, one, '0'), observe(ours, one, '0')]);
      asked += 1;
      if (!isDeepStrictEqual(found, expected)) {
        return { mismatch: { index, request, difference: difference(expected, found) }, asked };
      }
    }
  }
  return { mismatch: null, asked };
}

function suiteOf(sketches: readonly Sketch[]): Suite {
  const hosts = sketches.map(({ host }, index) => ({ name: `host-${index}`, domains: [`h${index}.test`], ...host }));
  return {
    name: 'random',
    listeners: { front: { filters: JSON.stringify(FILTERS) } },
    virtualHosts: JSON.stringify(hosts),
    cases: [],
  };
}

/** The same for each upstream; after it they answer as they do without. */
function script({ replies }: SketchedRequest, index: number): Record<string, readonly Reply[]> {
  const named = replies.map(({ headers = {}, ...reply }) =>
    respond({
      ...reply,
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name, value.replace('HOST', `h${index}.test`)]),
      ),
    }),
  );
  return Object.fromEntries(['a', 'b', 'c'].map((name) => [name, named]));
}

function wire({ method, target, headers }: SketchedRequest, index: number): string {
  const length = method === 'POST' || method === 'PUT' ? ['content-length: 0'] : [];
  const lines = [`${method} ${target} HTTP/1.1`, `host: h${index}.test`, 'x-case: <case>', ...headers, ...length];
  return `${lines.join('\r\n')}\r\n\r\n`;
}
