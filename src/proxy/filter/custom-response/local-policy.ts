// LocalResponsePolicy: the proxy answers itself, in the place of a response that came.
import type { Any } from '@bufbuild/protobuf/wkt';
import { LocalResponsePolicySchema } from '../../../xds/gen/envoy/extensions/http/custom_response/local_response_policy/v3/local_response_policy_pb.ts';
import { unpack } from '../../config/any.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import { compileBodyFormat } from '../../config/local-reply.ts';
import { readSource } from '../../config/values.ts';
import type { Exchange } from '../../http/exchange.ts';
import { HeaderMap } from '../../http/headers.ts';
import type { ResponseHead } from '../../http/message.ts';
import { compileAdditions } from '../../route/header-edits.ts';
import type { FilterScope, LocalReply } from '../filter.ts';

/** What is answered in the place of a response. */
export type Policy = (exchange: Exchange, head: ResponseHead, scope: FilterScope) => LocalReply;

const EMPTY = '';

/** Throws ConfigError. */
export function compileLocalPolicy(config: Any, path: string): Policy {
  const message = unpack(config, LocalResponsePolicySchema, path);
  const { statusCode, bodyFormat } = message;
  if (statusCode !== undefined && (statusCode < 100 || statusCode > 599))
    throw new ConfigError(at(path, 'status_code'), `${statusCode} is no status (hint: 100-599)`);
  const own = message.body === undefined ? null : Buffer.from(readSource(message.body, at(path, 'body')));
  const edits = compileAdditions(message.responseHeadersToAdd, at(path, 'response_headers_to_add'));
  const format = bodyFormat === undefined ? null : compileBodyFormat(bodyFormat, at(path, 'body_format'));
  const detailsFor = compileDetails(message.responseCodeDetailsAction, path);
  return (exchange, head, { clock }) => {
    const headers = new HeaderMap();
    const written = format?.(own ?? Buffer.from(exchange.ownBody ?? EMPTY), exchange, head, clock.now());
    const status = statusCode ?? head.status;
    for (const edit of edits) edit(headers, exchange, { status, headers });
    return { status, body: written?.body ?? own ?? EMPTY, details: detailsFor(exchange), flags: 0, headers };
  };
}

type Details = ReturnType<typeof unpack<typeof LocalResponsePolicySchema>>['responseCodeDetailsAction'];

function compileDetails(action: Details, path: string): (exchange: Exchange) => string {
  switch (action.case) {
    case 'preserveResponseCodeDetails':
      return action.value ? ({ details }) => details : () => '';
    case 'responseCodeDetails': {
      const { value } = action;
      if (value === '') throw new ConfigError(at(path, 'response_code_details'), 'is empty');
      return () => value;
    }
    default:
      return () => '';
  }
}
