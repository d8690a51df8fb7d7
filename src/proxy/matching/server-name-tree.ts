// The tree of domains (xds.type.matcher.v3.ServerNameMatcher): a name itself, then `*.` before what is right of one of its dots, then `*`.
import type { Any } from '@bufbuild/protobuf/wkt';
import { ServerNameMatcherSchema } from '../../xds/gen/xds/type/matcher/v3/domain_pb.ts';
import type { Matcher_OnMatch } from '../../xds/gen/xds/type/matcher/v3/matcher_pb.ts';
import { unpack } from '../config/any.ts';
import { at, ConfigError } from '../config/config-error.ts';
import { bytesOf } from '../route/match/string-matcher.ts';

type Next<Subject, Action> = (subject: Subject) => Action | null;

export function compileServerNames<Subject, Action>(
  config: Any,
  compileNext: (onMatch: Matcher_OnMatch | undefined, path: string) => Next<Subject, Action>,
  path: string,
): (name: string, subject: Subject) => Action | null {
  const entries = new Map<string, Next<Subject, Action>>();
  const { domainMatchers } = unpack(config, ServerNameMatcherSchema, path);
  domainMatchers.forEach(({ domains, onMatch }, i) => {
    const here = `${at(path, 'domain_matchers')}[${i}]`;
    if (domains.length === 0) throw new ConfigError(at(here, 'domains'), 'is empty');
    const next = compileNext(onMatch, at(here, 'on_match'));
    domains.forEach((domain, j) => {
      const place = `${at(here, 'domains')}[${j}]`;
      refuseMalformed(domain, place);
      if (entries.has(bytesOf(domain))) throw new ConfigError(place, `${domain} is there twice`);
      entries.set(bytesOf(domain), next);
    });
  });
  return (name, subject) => (name === '' ? null : find(entries, name, subject));
}

/** Exact, then the longest suffix first; where what follows does not match, the next shorter one. */
function find<Subject, Action>(
  entries: ReadonlyMap<string, Next<Subject, Action>>,
  name: string,
  subject: Subject,
): Action | null {
  let found = name.startsWith('*') ? null : (entries.get(name)?.(subject) ?? null);
  for (let dot = name.indexOf('.'); dot !== -1 && found === null; dot = name.indexOf('.', dot + 1)) {
    found = entries.get(`*${name.slice(dot)}`)?.(subject) ?? null;
  }
  return found ?? entries.get('*')?.(subject) ?? null;
}

function refuseMalformed(domain: string, path: string): void {
  if (domain === '') throw new ConfigError(path, 'is empty');
  if (domain === '*' || !domain.startsWith('*')) return;
  if (!/^\*\.[^*]+$/.test(domain)) throw new ConfigError(path, `${domain} is neither exact nor *.suffix`);
}
