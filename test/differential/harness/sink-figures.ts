// What requests counted, of all that two proxies send to sinks of statistics, in a form they can be compared in.
import { fieldsOf, messages, textOf } from './otlp.ts';

/** What requests count, of all that is sent. */
const COUNTED =
  /upstream_rq_(?:total|completed|xx|2xx|5xx|200|503)\b|cluster\.upstream_rq:|membership_total|downstream_rq_(?:total|xx|2xx|5xx)\b/;

/** Counters add up, the last value of a gauge stands. */
export function summed(lines: readonly string[]): Record<string, number> {
  const sums = new Map<string, number>();
  for (const line of lines) {
    const [, name = '', value = '', kind = '', tags = ''] = /^(.*):(-?\d+)\|(c|g)(.*)$/.exec(line) ?? [];
    // What Envoy counts twice, for clients from outside and by listener, is not here.
    if (!COUNTED.test(`${name}:`) || /\.external\.|\.listener\.|collector/.test(line)) continue;
    const key = `${name}|${kind}${sortedTags(tags)}`;
    sums.set(key, kind === 'c' ? (sums.get(key) ?? 0) + Number(value) : Number(value));
  }
  return Object.fromEntries([...sums].filter(([, value]) => value > 0).sort());
}

function sortedTags(tags: string): string {
  return tags.startsWith('|#') ? `|#${tags.slice(2).split(',').sort().join(',')}` : tags;
}

/** `name kind attributes` and the value, or how many records, of an ExportMetricsServiceRequest. */
export function metricsOf(request: Uint8Array): Record<string, number> {
  const found: [string, number][] = [];
  const kinds = { gauge: 5, sum: 7, histogram: 9 };
  const metrics = messages(request, 1)
    .flatMap((resource) => messages(resource, 2))
    .flatMap((scope) => messages(scope, 2));
  for (const metric of metrics) {
    const name = textOf(messages(metric, 1)[0]);
    for (const [kind, number] of Object.entries(kinds)) {
      for (const point of messages(metric, number).flatMap((one) => messages(one, 1))) {
        const attributes = messages(point, kind === 'histogram' ? 9 : 7)
          .map((pair) => `${textOf(messages(pair, 1)[0])}:${textOf(messages(messages(pair, 2)[0]!, 1)[0])}`)
          .sort();
        const [value = 0n] = fieldsOf(point).get(kind === 'histogram' ? 4 : 6) ?? [];
        found.push([`${name} ${kind} ${attributes.join(',')}`, Number(value)]);
      }
    }
  }
  const counted =
    /upstream_rq_(?:total|completed|xx|time)\b|cluster\.upstream_rq |membership_total|downstream_rq_(?:total|xx|time)\b/;
  const wanted = ([name, value]: [string, number]) =>
    value > 0 && counted.test(name) && !/external|listener|admin|cluster_name:collector/.test(name);
  return Object.fromEntries(found.filter(wanted).sort());
}
