// Header edits, in the order remove, set, add, which is Envoy's too.
import { create } from '@bufbuild/protobuf';
import type { HeaderEdit } from '../model/route.ts';
import {
  type HeaderValueOption,
  HeaderValueOption_HeaderAppendAction,
  HeaderValueOptionSchema,
} from '../xds/gen/envoy/config/core/v3/base_pb.ts';

export type HeaderLists = {
  readonly requestHeadersToAdd: HeaderValueOption[];
  readonly requestHeadersToRemove: string[];
  readonly responseHeadersToAdd: HeaderValueOption[];
  readonly responseHeadersToRemove: string[];
};

export const headerLists = (request: HeaderEdit, response: HeaderEdit): HeaderLists => ({
  requestHeadersToAdd: additions(request),
  requestHeadersToRemove: removals(request),
  responseHeadersToAdd: additions(response),
  responseHeadersToRemove: removals(response),
});

/** What a request's edit sets the host to: Envoy refuses to edit it as a header. */
export const hostOf = (edit: HeaderEdit): string | null => edit.set.findLast(({ name }) => isHost(name))?.value ?? null;

export const overwrite = (name: string, value: string): HeaderValueOption =>
  option(name, value, HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD);

const isHost = (name: string): boolean => name === 'host' || name.startsWith(':');

const removals = (edit: HeaderEdit): string[] => edit.remove.filter((name) => !isHost(name));

function additions({ set, add }: HeaderEdit): HeaderValueOption[] {
  const append = HeaderValueOption_HeaderAppendAction.APPEND_IF_EXISTS_OR_ADD;
  return [
    ...set.filter(({ name }) => !isHost(name)).map(({ name, value }) => overwrite(name, value)),
    ...add.filter(({ name }) => !isHost(name)).map(({ name, value }) => option(name, value, append)),
  ];
}

/** `%` begins a format in Envoy. */
const option = (key: string, value: string, appendAction: HeaderValueOption_HeaderAppendAction): HeaderValueOption =>
  create(HeaderValueOptionSchema, {
    header: { key, value: value.replaceAll('%', '%%') },
    appendAction,
    keepEmptyValue: value === '',
  });
