// The tree of address ranges (xds.type.matcher.v3.IPMatcher): the longest range that holds an address decides.
import type { Any } from '@bufbuild/protobuf/wkt';
import { type AddressTest, compileCidr } from '../../lib/cidr.ts';
import { IPMatcherSchema } from '../../xds/gen/xds/type/matcher/v3/ip_pb.ts';
import type { Matcher_OnMatch } from '../../xds/gen/xds/type/matcher/v3/matcher_pb.ts';
import { unpack } from '../config/any.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';

type Range<Subject, Action> = {
  readonly length: number;
  readonly holds: AddressTest;
  next(subject: Subject): Action | null;
  /** Does not stand in for a longer range whose own matcher failed. */
  readonly exclusive: boolean;
};

export function compileAddressTree<Subject, Action>(
  config: Any,
  compileNext: (onMatch: Matcher_OnMatch | undefined, path: string) => (subject: Subject) => Action | null,
  path: string,
): (address: string, subject: Subject) => Action | null {
  const { rangeMatchers } = unpack(config, IPMatcherSchema, path);
  const here = at(path, 'range_matchers');
  if (rangeMatchers.length === 0) throw new ConfigError(here, 'is empty');
  const ranges = mapAt(rangeMatchers, here, ({ ranges: list, onMatch, exclusive }, where) => {
    if (list.length === 0) throw new ConfigError(at(where, 'ranges'), 'is empty');
    const next = compileNext(onMatch, at(where, 'on_match'));
    return mapAt(list, at(where, 'ranges'), ({ addressPrefix, prefixLen }, place): Range<Subject, Action> => {
      const length = prefixLen ?? 0;
      const holds = compileCidr(addressPrefix, length);
      if (holds === null) throw new ConfigError(place, `${addressPrefix}/${length} is no range of addresses`);
      return { length, holds, next, exclusive };
    });
  }).flat();
  // Two ranges that both hold an address are of one family: their lengths can be compared.
  ranges.sort((a, b) => b.length - a.length);
  return (address, subject) => {
    let longest = true;
    for (const { holds, next, exclusive } of ranges) {
      if (!holds(address) || (exclusive && !longest)) continue;
      const found = next(subject);
      if (found !== null) return found;
      longest = false;
    }
    return null;
  };
}
