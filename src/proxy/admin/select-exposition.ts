// Prometheus text of others → of it what a query asks for. A sample is looked for by its name with its labels, as Envoy looks for Istio's
// metrics by names that have their tags in them.
import type { StatisticsQuery } from './statistics.ts';

/** Its lines begin with HELP and TYPE of a family, and a family's samples follow them. */
export function selectExposition(text: string, query: StatisticsQuery): string {
  if (query.everything) return text;
  const chosen: string[] = [];
  let family: Family = { heading: [], kind: '', begun: false };
  for (const line of text.split('\n')) {
    const [, word, kind = ''] = /^# (HELP|TYPE) \w+ (\w+)/.exec(line) ?? [];
    if (word === 'HELP') family = { heading: [line], kind: '', begun: false };
    else if (word === 'TYPE') {
      family.heading.push(line);
      family.kind = kind;
    } else if (line !== '' && wants(query, family.kind, line)) {
      if (!family.begun) chosen.push(...family.heading);
      family.begun = true;
      chosen.push(line);
    }
  }
  return chosen.map((line) => `${line}\n`).join('');
}

type Family = { readonly heading: string[]; kind: string; begun: boolean };

function wants(query: StatisticsQuery, kind: string, sample: string): boolean {
  const space = sample.lastIndexOf(' ');
  if (query.usedOnly && Number(sample.slice(space)) === 0 && kind !== 'histogram') return false;
  const name = sample.slice(0, space);
  if (kind !== 'histogram') return (kind === 'gauge' ? query.gauges : query.counters) && query.matches(name);
  // All of a histogram or nothing of it.
  return query.histograms && query.matches(name.replace(/_(?:bucket|sum|count)\{/, '{').replace(/,?le="[^"]*"/, ''));
}
