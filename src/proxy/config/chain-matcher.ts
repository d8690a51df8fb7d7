// Listener.filter_chain_matcher: the generic matcher asked about an accepted connection. Its actions are names of filter chains.
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import type { Matcher } from '../../xds/gen/xds/type/matcher/v3/matcher_pb.ts';
import type { SocketName } from '../http/exchange.ts';
import { acceptedInputs } from '../matching/connection-inputs.ts';
import { compileMatcher } from '../matching/matcher.ts';
import { unpack } from './any.ts';

/** What is known of a connection before it has a chain. */
type ChainSubject = {
  readonly transport: string;
  readonly serverName: string;
  readonly applicationProtocols: readonly string[];
  readonly destination: SocketName;
  readonly source: SocketName;
  readonly directSource: SocketName;
};

/** The name of a chain; null: nothing matches, which is the default chain's case. */
export type ChainMatcher = (connection: ChainSubject) => string | null;

const inputs = acceptedInputs<ChainSubject>({
  destination: ({ destination }) => destination,
  source: ({ source }) => source,
  directSource: ({ directSource }) => directSource,
  serverName: ({ serverName }) => serverName,
  transport: ({ transport }) => transport,
  applicationProtocols: ({ applicationProtocols }) => applicationProtocols,
});

export function compileChainMatcher(matcher: Matcher, path: string): ChainMatcher {
  return compileMatcher(
    matcher,
    { inputs, compileAction: (action, here) => unpack(action, StringValueSchema, here).value },
    path,
  );
}
