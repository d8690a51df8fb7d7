// request_mirror_policies → which copies of a request go where, and what is changed in them.
import type { RouteAction_RequestMirrorPolicy as Policy } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import { keyedShare } from '../config/runtime-keys.ts';
import { compileMutation } from './header-edits.ts';
import { firstValue } from './match/header-matcher.ts';
import { bytesOf } from './match/string-matcher.ts';
import type { MirrorPolicy } from './table.ts';

export function compileMirrors(policies: readonly Policy[], path: string): readonly MirrorPolicy[] {
  return mapAt(policies, path, (policy, here) => {
    const { cluster, clusterHeader, requestHeadersMutations: mutations } = policy;
    if (cluster === '' && clusterHeader === '') throw new ConfigError(at(here, 'cluster'), 'is empty');
    if (cluster !== '' && clusterHeader !== '')
      throw new ConfigError(at(here, 'cluster_header'), 'is set beside cluster');
    const lookup = firstValue(clusterHeader);
    return {
      clusterFor: cluster === '' ? (request) => lookup(request) ?? '' : () => cluster,
      share: keyedShare(policy.runtimeFraction, 1),
      edits: mapAt(mutations, at(here, 'request_headers_mutations'), compileMutation).flat(),
      sampled: policy.traceSampled ?? null,
      rename: compileRename(policy),
    };
  });
}

function compileRename({ hostRewriteLiteral, disableShadowHostSuffixAppend }: Policy): MirrorPolicy['rename'] {
  if (hostRewriteLiteral !== '') {
    const host = bytesOf(hostRewriteLiteral);
    return () => host;
  }
  return disableShadowHostSuffixAppend ? (authority) => authority : shadowAuthority;
}

/** `shop.example:8080` becomes `shop.example-shadow:8080`, as Envoy names it. */
function shadowAuthority(authority: string): string {
  const port = /:\d+$/.exec(authority);
  return port === null ? `${authority}-shadow` : `${authority.slice(0, port.index)}-shadow${port[0]}`;
}
