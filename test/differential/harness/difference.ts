// Says in lines where two observations differ: `-` is what Envoy did, `+` what ours did.
import type { Observation } from './observation.ts';

export function difference(reference: Observation, ours: Observation): string {
  const [before, after] = [describe(reference), describe(ours)];
  const gone = without(before, after).map((line) => `- ${line}`);
  const added = without(after, before).map((line) => `+ ${line}`);
  return [...gone, ...added].join('\n');
}

function describe({ responses, closed, upstreams }: Observation): string[] {
  return [
    ...responses.flatMap((response, nth) => [
      `response ${nth}: ${response.status} ${response.version}`,
      `response ${nth} interim: ${response.interim}`,
      ...response.headers.map((line) => `response ${nth} header: ${line}`),
      `response ${nth} body: ${JSON.stringify(response.body)}`,
      ...response.trailers.map((line) => `response ${nth} trailer: ${line}`),
    ]),
    `closed: ${closed}`,
    ...upstreams.flatMap((request, nth) => [
      `request ${nth}: ${request.upstream}: ${request.startLine}`,
      ...request.headers.map((line) => `request ${nth} header: ${line}`),
      `request ${nth} body: ${JSON.stringify(request.body)}`,
      ...request.trailers.map((line) => `request ${nth} trailer: ${line}`),
    ]),
  ];
}

/** Lines of one that the other has fewer times. */
function without(lines: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return lines.filter((line) => {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}
