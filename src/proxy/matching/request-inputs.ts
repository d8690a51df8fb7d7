// Inputs about a request: its head, its connection, the certificate of its client, and what filters left behind.
import {
  DynamicMetadataInputSchema,
  FilterStateInputSchema,
} from '../../xds/gen/envoy/extensions/matching/common_inputs/network/v3/network_inputs_pb.ts';
import {
  DnsSanInputSchema,
  SubjectInputSchema,
  UriSanInputSchema,
} from '../../xds/gen/envoy/extensions/matching/common_inputs/ssl/v3/ssl_inputs_pb.ts';
import { HttpRequestHeaderMatchInputSchema } from '../../xds/gen/envoy/type/matcher/v3/http_inputs_pb.ts';
import { HttpAttributesCelMatchInputSchema } from '../../xds/gen/xds/type/matcher/v3/http_inputs_pb.ts';
import { unpack } from '../config/any.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import type { RuntimeLookup } from '../config/runtime-keys.ts';
import type { Exchange } from '../http/exchange.ts';
import type { RequestHead } from '../http/message.ts';
import { clientOf } from '../http/socket-name.ts';
import { requestLookup } from '../route/match/header-matcher.ts';
import { valueAt } from '../route/match/metadata-matcher.ts';
import { connectionInputs } from './connection-inputs.ts';
import { type InputKind, textInput, valueInput } from './input.ts';

/** `exchange` is null where nothing is known but the head. */
export type RequestSubject = {
  readonly request: RequestHead;
  readonly exchange: Exchange | null;
  readonly runtime: RuntimeLookup;
};

export const runtimeOf = ({ runtime }: RequestSubject): RuntimeLookup => runtime;

const headerInput: InputKind<RequestSubject> = textInput(HttpRequestHeaderMatchInputSchema, ({ headerName }, path) => {
  if (headerName === '') throw new ConfigError(at(path, 'header_name'), 'is empty');
  const lookup = requestLookup(headerName);
  return ({ request }: RequestSubject) => lookup(request);
});

const filterStateInput: InputKind<RequestSubject> = textInput(FilterStateInputSchema, ({ key }, path) => {
  if (key === '') throw new ConfigError(at(path, 'key'), 'is empty');
  return ({ exchange }: RequestSubject) => exchange?.filterState?.get(key);
});

const metadataInput: InputKind<RequestSubject> = valueInput(
  DynamicMetadataInputSchema,
  ({ filter, path: keys }, path) => {
    if (filter === '') throw new ConfigError(at(path, 'filter'), 'is empty');
    if (keys.length === 0) throw new ConfigError(at(path, 'path'), 'is empty');
    const names = mapAt(keys, at(path, 'path'), ({ segment }, here) => {
      if (segment.case !== 'key' || segment.value === '') throw new ConfigError(at(here, 'key'), 'is empty');
      return segment.value;
    });
    return ({ exchange }: RequestSubject) => valueAt(exchange?.metadata?.get(filter), names);
  },
);

const attributesInput: InputKind<RequestSubject> = {
  typeName: HttpAttributesCelMatchInputSchema.typeName,
  compile(config, path) {
    unpack(config, HttpAttributesCelMatchInputSchema, path);
    return {
      kind: 'attributes',
      read: ({ exchange }) => (exchange === null ? undefined : { exchange, response: exchange.response, ended: 0 }),
    };
  },
};

const connection = connectionInputs<RequestSubject>({
  destination: ({ exchange }) => exchange?.downstream.local ?? NOWHERE,
  source: ({ exchange }) => (exchange === null ? NOWHERE : clientOf(exchange)),
  directSource: ({ exchange }) => exchange?.downstream.directRemote ?? NOWHERE,
  serverName: ({ exchange }) => exchange?.downstream.serverName ?? '',
});

/** Where a route is chosen Envoy allows these only. */
export const routeInputs: readonly InputKind<RequestSubject>[] = [headerInput, filterStateInput];

const certificate: readonly InputKind<RequestSubject>[] = [
  textInput(
    UriSanInputSchema,
    () =>
      ({ exchange }) =>
        exchange?.downstream.tls?.uriSans.join(',') || undefined,
  ),
  textInput(
    DnsSanInputSchema,
    () =>
      ({ exchange }) =>
        exchange?.downstream.tls?.dnsSans.join(',') || undefined,
  ),
  textInput(
    SubjectInputSchema,
    () =>
      ({ exchange }) =>
        exchange?.downstream.tls?.subject || undefined,
  ),
];

/** Where network RBAC asks, as in Envoy. */
export const networkInputs: readonly InputKind<RequestSubject>[] = [filterStateInput, ...connection, ...certificate];

/** Where a filter asks. */
export const filterInputs: readonly InputKind<RequestSubject>[] = [
  ...routeInputs,
  metadataInput,
  attributesInput,
  ...connection,
  ...certificate,
];

const NOWHERE = { address: '', port: 0 };
