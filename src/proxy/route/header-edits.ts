// headers_to_add and headers_to_remove of one level (route, virtual host, …) → edits of a head. Removal comes first, then
// overwriting, then appending, as in Envoy's HeaderParser.

import type { HeaderMutation } from '../../xds/gen/envoy/config/common/mutation_rules/v3/mutation_rules_pb.ts';
import {
  HeaderValueOption_HeaderAppendAction as Append,
  type HeaderValueOption,
} from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import type { Exchange } from '../http/exchange.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { ResponseHead } from '../http/message.ts';
import { compileFormat } from '../log/format.ts';
import { bytesOf, compileString } from './match/string-matcher.ts';

export type HeaderEdits = {
  request(exchange: Exchange): void;
  response(exchange: Exchange, head: ResponseHead): void;
};

/** What routes, virtual hosts, route configurations and weighted clusters have in common. */
export type EditingMessage = {
  readonly requestHeadersToAdd: readonly HeaderValueOption[];
  readonly requestHeadersToRemove: readonly string[];
  readonly responseHeadersToAdd: readonly HeaderValueOption[];
  readonly responseHeadersToRemove: readonly string[];
};

export type Edit = (headers: HeaderMap, exchange: Exchange, response: ResponseHead | null) => void;

export function compileEdits(message: EditingMessage, path: string): HeaderEdits {
  const request = [
    ...mapAt(message.requestHeadersToRemove, at(path, 'request_headers_to_remove'), compileRemoval),
    ...compileAdditions(message.requestHeadersToAdd, at(path, 'request_headers_to_add')),
  ];
  const response = [
    ...mapAt(message.responseHeadersToRemove, at(path, 'response_headers_to_remove'), compileRemoval),
    ...compileAdditions(message.responseHeadersToAdd, at(path, 'response_headers_to_add')),
  ];
  return {
    request(exchange) {
      for (const edit of request) edit(exchange.request.headers, exchange, null);
    },
    response(exchange, head) {
      for (const edit of response) edit(head.headers, exchange, head);
    },
  };
}

/** Runs the levels in order; levels without edits cost nothing. */
export function sequence(levels: readonly HeaderEdits[]): HeaderEdits {
  return {
    request(exchange) {
      for (const level of levels) level.request(exchange);
    },
    response(exchange, head) {
      for (const level of levels) level.response(exchange, head);
    },
  };
}

export const noEdits: HeaderEdits = sequence([]);

function compileRemoval(name: string, path: string): Edit {
  const lower = modifiable(name, path);
  return (headers) => headers.remove(lower);
}

/** One step of a list that is walked in order. */
export function compileMutation({ action }: HeaderMutation, path: string): Edit[] {
  switch (action.case) {
    case 'remove':
      return [compileRemoval(action.value, at(path, 'remove'))];
    case 'append':
      return compileAdditions([action.value], at(path, 'append'));
    case 'removeOnMatch': {
      const test = compileString(action.value.keyMatcher, at(path, 'remove_on_match.key_matcher'));
      return [
        (headers) => {
          for (const [name] of [...headers]) if (test(name)) headers.remove(name);
        },
      ];
    }
    default:
      throw new ConfigError(path, 'has no action');
  }
}

/** Overwriting comes before appending. Of one level every value is made before any is set: none sees what another did. */
export function compileAdditions(options: readonly HeaderValueOption[], path: string): Edit[] {
  const additions = mapAt(options, path, compileAddition);
  if (additions.length === 0) return [];
  const ordered = [...additions.filter(({ overwrites }) => overwrites), ...additions.filter((it) => !it.overwrites)];
  return [
    (headers, exchange, response) => {
      const values = ordered.map(({ valueFor }) => valueFor(headers, exchange, response));
      ordered.forEach(({ name, overwrites }, i) => {
        const value = values[i];
        if (value === undefined) return;
        if (overwrites) headers.set(name, value);
        else headers.append(name, value);
      });
    },
  ];
}

type Addition = {
  readonly name: string;
  readonly overwrites: boolean;
  /** undefined: the header stays as it is. */
  valueFor(headers: HeaderMap, exchange: Exchange, response: ResponseHead | null): string | undefined;
};

function compileAddition(option: HeaderValueOption, path: string): Addition {
  const name = modifiable(option.header?.key ?? '', at(path, 'header.key'));
  const format = compileFormat(bytesOf(option.header!.value), at(path, 'header.value'), { missing: '' });
  const action = appendAction(option, path);
  return {
    name,
    overwrites: action === Append.OVERWRITE_IF_EXISTS || action === Append.OVERWRITE_IF_EXISTS_OR_ADD,
    valueFor(headers, exchange, response) {
      if (action === Append.ADD_IF_ABSENT && headers.has(name)) return undefined;
      if (action === Append.OVERWRITE_IF_EXISTS && !headers.has(name)) return undefined;
      const value = format(exchange, response, 0);
      return value === '' && !option.keepEmptyValue ? undefined : value;
    },
  };
}

/** `append` is the deprecated form of `append_action`; to set both is an error. */
function appendAction(option: HeaderValueOption, path: string): Append {
  if (option.append === undefined) {
    if (!KNOWN_ACTIONS.has(option.appendAction)) throw new ConfigError(at(path, 'append_action'), 'is not known');
    return option.appendAction;
  }
  if (option.appendAction !== Append.APPEND_IF_EXISTS_OR_ADD) {
    throw new ConfigError(at(path, 'append'), 'is set beside append_action');
  }
  return option.append ? Append.APPEND_IF_EXISTS_OR_ADD : Append.OVERWRITE_IF_EXISTS_OR_ADD;
}

const KNOWN_ACTIONS: ReadonlySet<Append> = new Set([
  Append.APPEND_IF_EXISTS_OR_ADD,
  Append.ADD_IF_ABSENT,
  Append.OVERWRITE_IF_EXISTS_OR_ADD,
  Append.OVERWRITE_IF_EXISTS,
]);

function modifiable(name: string, path: string): string {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z:-]+$/.test(name)) throw new ConfigError(path, 'is not a header name');
  const lower = name.toLowerCase();
  if (lower.startsWith(':') || lower === 'host') {
    throw new ConfigError(path, `${lower} cannot be changed here (hint: host_rewrite_literal, prefix_rewrite)`);
  }
  return lower;
}
