// `stats_config` → which statistics there are, what of their names are tags, and the bounds of histograms.
import type { Bootstrap } from '../../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import type { StatsMatcher } from '../../xds/gen/envoy/config/metrics/v3/stats_pb.ts';
import type { ListStringMatcher } from '../../xds/gen/envoy/type/matcher/v3/string_pb.ts';
import { compileString, type StringTest } from '../route/match/string-matcher.ts';
import { BootstrapError } from './bootstrap-error.ts';
import { readTagRules, type TagRules } from './stats-tags.ts';

export type StatsConfig = {
  /** By the full name; null: all are there. */
  readonly includes: StringTest | null;
  readonly tags: TagRules;
  /** The upper bounds of a histogram's buckets, by its full name; null: the common ones. */
  bounds(name: string): readonly number[] | null;
};

const HERE = 'stats_config';

/** @throws BootstrapError, ConfigError */
export function readStatsConfig({ statsConfig }: Bootstrap): StatsConfig {
  const settings = (statsConfig?.histogramBucketSettings ?? []).map(({ match, buckets, bins }, i) => {
    const path = `${HERE}.histogram_bucket_settings[${i}]`;
    if (bins !== undefined) throw new BootstrapError(`${path}.bins: not supported`);
    return { matches: compileString(match, `${path}.match`), bounds: readBounds(buckets, `${path}.buckets`) };
  });
  return {
    tags: readTagRules(statsConfig, HERE),
    includes: readMatcher(statsConfig?.statsMatcher),
    bounds: (name) => settings.find(({ matches }) => matches(name))?.bounds ?? null,
  };
}

/** Histograms hold two significant digits: finer bounds would only look exact. */
function readBounds(buckets: readonly number[], path: string): readonly number[] {
  const bounds = [...new Set(buckets)].sort((a, b) => a - b);
  if (bounds.length === 0) throw new BootstrapError(`${path}: is empty`);
  for (const bound of bounds) {
    if (!(bound > 0)) throw new BootstrapError(`${path}: must be more than 0`);
    if (Number(bound.toPrecision(2)) !== bound)
      throw new BootstrapError(`${path}: ${bound} has more than two significant digits`);
  }
  return bounds;
}

function readMatcher(matcher: StatsMatcher | undefined): StringTest | null {
  const path = `${HERE}.stats_matcher`;
  const kind = matcher?.statsMatcher;
  switch (kind?.case) {
    case undefined:
      return null;
    case 'rejectAll':
      return kind.value ? () => false : null;
    case 'exclusionList': {
      const excluded = compileList(kind.value, `${path}.exclusion_list`);
      return (name) => !excluded(name);
    }
    case 'inclusionList':
      return compileList(kind.value, `${path}.inclusion_list`);
  }
}

function compileList({ patterns }: ListStringMatcher, path: string): StringTest {
  const tests = patterns.map((pattern, i) => compileString(pattern, `${path}.patterns[${i}]`));
  return (name) => tests.some((test) => test(name));
}
