// Edits of the query of a request (`query_parameter_mutations` of header_mutation). As by Envoy, parameters come in the order of their names
// afterwards, each with `=`; unlike there, those that nothing edits keep their text: decoded, they might mean another thing.
import {
  KeyValueAppend_KeyValueAppendAction as Action,
  type KeyValueAppend,
  type KeyValueMutation,
} from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import type { Exchange } from '../http/exchange.ts';
import { compileFormat } from '../log/format.ts';
import { bytesOf } from '../route/match/string-matcher.ts';

/** `name` is decoded, `text` as it is sent. */
type Parameter = { readonly name: string; readonly text: string };
type ParameterEdit = (all: readonly Parameter[], exchange: Exchange) => readonly Parameter[];

/** null: there is nothing to edit. */
export function compileQueryEdits(
  mutations: readonly KeyValueMutation[],
  path: string,
): ((exchange: Exchange) => void) | null {
  const edits = mapAt(mutations, path, compileEdit);
  if (edits.length === 0) return null;
  return (exchange) => {
    const { request } = exchange;
    if (request.path === '') return;
    const [target = '', query = ''] = split(request.path);
    const edited = edits.reduce((all, edit) => edit(all, exchange), parse(query));
    const sorted = edited.toSorted((a, b) => (a.name < b.name ? -1 : a.name === b.name ? 0 : 1));
    request.path = sorted.length === 0 ? target : `${target}?${sorted.map(({ text }) => text).join('&')}`;
  };
}

function compileEdit({ append, remove }: KeyValueMutation, path: string): ParameterEdit {
  if (append !== undefined) {
    if (remove !== '') throw new ConfigError(path, 'has both append and remove');
    return compileAppend(append, at(path, 'append'));
  }
  if (remove === '') throw new ConfigError(path, 'has neither append nor remove');
  const removed = bytesOf(remove);
  return (all) => all.filter(({ name }) => name !== removed);
}

function compileAppend({ record, action }: KeyValueAppend, path: string): ParameterEdit {
  const here = at(path, 'record');
  if (record === undefined) throw new ConfigError(here, 'is required');
  if (record.key === '') throw new ConfigError(at(here, 'key'), 'is empty');
  const value: unknown = record.value?.kind.case === 'stringValue' ? record.value.kind.value : undefined;
  if (typeof value !== 'string') throw new ConfigError(at(here, 'value'), 'must be a string');
  const name = bytesOf(record.key);
  const format = compileFormat(bytesOf(value), at(here, 'value'), { missing: '' });
  const made = (exchange: Exchange): Parameter => ({
    name,
    text: `${encoded(name)}=${encoded(format(exchange, exchange.response, 0))}`,
  });
  const has = (all: readonly Parameter[]) => all.some((parameter) => parameter.name === name);
  const overwritten: ParameterEdit = (all, exchange) => [
    ...all.filter((parameter) => parameter.name !== name),
    made(exchange),
  ];
  switch (action) {
    case Action.APPEND_IF_EXISTS_OR_ADD:
      return (all, exchange) => [...all, made(exchange)];
    case Action.ADD_IF_ABSENT:
      return (all, exchange) => (has(all) ? all : [...all, made(exchange)]);
    case Action.OVERWRITE_IF_EXISTS:
      return (all, exchange) => (has(all) ? overwritten(all, exchange) : all);
    case Action.OVERWRITE_IF_EXISTS_OR_ADD:
      return overwritten;
    default:
      throw new ConfigError(at(path, 'action'), 'is not known');
  }
}

function split(path: string): readonly string[] {
  const start = path.indexOf('?');
  return start < 0 ? [path] : [path.slice(0, start), path.slice(start + 1)];
}

function parse(query: string): readonly Parameter[] {
  if (query === '') return [];
  return query.split('&').map((text) => {
    const equals = text.indexOf('=');
    return equals < 0 ? { name: decoded(text), text: `${text}=` } : { name: decoded(text.slice(0, equals)), text };
  });
}

/** What is no escape stays. */
function decoded(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** All but RFC 3986's unreserved characters; `bytes` has one per character. */
function encoded(bytes: string): string {
  return bytes.replace(/[^\w.~-]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}
