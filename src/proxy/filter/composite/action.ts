// What a matcher of filters may lead to: SkipFilter, or ExecuteFilterAction with what the composite filter is to be for an exchange.
import type { Any } from '@bufbuild/protobuf/wkt';
import type { TypedExtensionConfig } from '../../../xds/gen/envoy/config/core/v3/extension_pb.ts';
import { SkipFilterSchema } from '../../../xds/gen/envoy/extensions/filters/common/matcher/action/v3/skip_action_pb.ts';
import {
  ExecuteFilterActionSchema,
  type FilterChainConfiguration,
} from '../../../xds/gen/envoy/extensions/filters/http/composite/v3/composite_pb.ts';
import type { Matcher } from '../../../xds/gen/xds/type/matcher/v3/matcher_pb.ts';
import { typeNameOf, unpack, unsupportedType } from '../../config/any.ts';
import { at, ConfigError, mapAt } from '../../config/config-error.ts';
import { type Keyed, keyedShare } from '../../config/runtime-keys.ts';
import { compileMatcher, type Match } from '../../matching/matcher.ts';
import { type PhaseSubject, phaseInputs } from '../../matching/phase-inputs.ts';
import { runtimeOf } from '../../matching/request-inputs.ts';
import type { HttpFilter } from '../filter.ts';
import { nestFilters } from './nested-chain.ts';

/** Throws ConfigError. */
export type CompileFilter = (config: Any, name: string, path: string) => HttpFilter;

export type FilterMatch = Match<PhaseSubject, FilterAction>;

export type FilterAction =
  | { readonly kind: 'skip' }
  | {
      readonly kind: 'execute';
      /** How logs call it. */
      readonly name: string;
      /** null: the chain of that name, where the composite filter has one. */
      readonly filter: HttpFilter | null;
      /** Of the exchanges that match, how many; null: all. */
      readonly sample: Keyed<number> | null;
    };

/** `compile` makes filters under the name that routes know the whole by. */
export function compileFilterMatcher(
  matcher: Matcher,
  name: string,
  compile: CompileFilter,
  path: string,
): FilterMatch {
  const compileAction = (config: Any, here: string) => compileFilterAction(config, name, compile, here);
  return compileMatcher(matcher, { inputs: phaseInputs, runtime: runtimeOf, compileAction }, path);
}

/** The filters of a chain, as one. */
export function compileChain(
  { typedConfig }: FilterChainConfiguration,
  name: string,
  compile: CompileFilter,
  path: string,
): HttpFilter {
  const here = at(path, 'typed_config');
  if (typedConfig.length === 0) throw new ConfigError(here, 'is empty');
  return nestFilters(
    mapAt(typedConfig, here, (config, where) => compileNamed(config, name, compile, where)),
    name,
  );
}

function compileFilterAction(config: Any, name: string, compile: CompileFilter, path: string): FilterAction {
  if (typeNameOf(config) === SkipFilterSchema.typeName) {
    unpack(config, SkipFilterSchema, path);
    return { kind: 'skip' };
  }
  if (typeNameOf(config) !== ExecuteFilterActionSchema.typeName) throw unsupportedType(config, path);
  const { typedConfig, filterChain, filterChainName, samplePercent } = unpack(config, ExecuteFilterActionSchema, path);
  const said = [typedConfig, filterChain, filterChainName || undefined].filter((one) => one !== undefined);
  if (said.length !== 1) throw new ConfigError(path, 'needs one of typed_config, filter_chain and filter_chain_name');
  const sample = samplePercent === undefined ? null : keyedShare(samplePercent, 0);
  if (filterChain !== undefined) {
    const filter = compileChain(filterChain, name, compile, at(path, 'filter_chain'));
    return { kind: 'execute', name: 'filter_chain', filter, sample };
  }
  if (typedConfig === undefined) return { kind: 'execute', name: filterChainName, filter: null, sample };
  const filter = compileNamed(typedConfig, name, compile, at(path, 'typed_config'));
  return { kind: 'execute', name: typedConfig.name, filter, sample };
}

function compileNamed(config: TypedExtensionConfig, name: string, compile: CompileFilter, path: string): HttpFilter {
  if (config.name === '') throw new ConfigError(at(path, 'name'), 'is empty');
  const here = at(path, 'typed_config');
  if (config.typedConfig === undefined) throw new ConfigError(here, 'is required');
  const filter = compile(config.typedConfig, name, here);
  // Routes have such actions, too, and only a listener asks for secrets.
  if (filter.secrets !== undefined)
    throw new ConfigError(here, 'needs secrets (hint: only filters that stand in a chain themselves may)');
  return filter;
}
