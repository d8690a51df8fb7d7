// A text that a filter leaves in filter state (`set_filter_state` of HTTP and of connections): which key, and how it is written.
import {
  type FilterStateValue,
  FilterStateValue_SharedWithUpstream as Shared,
} from '../../xds/gen/envoy/extensions/filters/common/set_filter_state/v3/value_pb.ts';
import { at, ConfigError } from '../config/config-error.ts';
import { readSource } from '../config/values.ts';
import type { Exchange } from '../http/exchange.ts';
import { bytesOf } from '../route/match/string-matcher.ts';
import { compileFormat } from './format.ts';

export type FilterStateText = {
  readonly key: string;
  /** Whether it was left: not where it is empty, and, as by Envoy, not in place of what the connection brought. */
  leave(exchange: Exchange): boolean;
};

/** `takes` throws where the filter has no use for the key or the factory of its object. */
export function compileFilterStateText(
  value: FilterStateValue,
  path: string,
  takes: (key: string) => void,
): FilterStateText {
  const { skipIfEmpty } = value;
  if (value.key.case !== 'objectKey' || value.key.value === '') {
    throw new ConfigError(at(path, 'object_key'), 'is empty');
  }
  const key = value.key.value;
  takes(key);
  if (value.sharedWithUpstream !== Shared.NONE) {
    throw new ConfigError(at(path, 'shared_with_upstream'), 'is not supported');
  }
  const here = at(path, 'format_string');
  const format = value.value.case === 'formatString' ? value.value.value.format : undefined;
  if (format?.case !== 'textFormatSource' && format?.case !== 'textFormat') {
    throw new ConfigError(here, 'must be a text format');
  }
  const text = format.case === 'textFormat' ? format.value : readSource(format.value, at(here, 'text_format_source'));
  const write = compileFormat(bytesOf(text), here, { missing: '' });
  return {
    key,
    leave(exchange) {
      const written = write(exchange, null, 0);
      if ((written === '' && skipIfEmpty) || exchange.downstream.filterState?.has(key) === true) return false;
      exchange.filterState ??= new Map();
      exchange.filterState.set(key, written);
      return true;
    },
  };
}
