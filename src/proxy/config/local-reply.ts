// LocalReplyConfig → what becomes of the answers that the proxy gives itself.
import type { SubstitutionFormatString } from '../../xds/gen/envoy/config/core/v3/substitution_format_string_pb.ts';
import type {
  LocalReplyConfig,
  ResponseMapper,
} from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import type { Exchange } from '../http/exchange.ts';
import type { ResponseHead } from '../http/message.ts';
import { compileLogFilter } from '../log/filter.ts';
import { compileFormatString } from '../log/format-string.ts';
import { compileAdditions } from '../route/header-edits.ts';
import { at, ConfigError, mapAt } from './config-error.ts';
import type { RuntimeLookup } from './runtime-keys.ts';
import { readSource } from './values.ts';

export type LocalBody = { readonly body: Buffer; readonly contentType: string };

/**
 * Edits the head of an answer that would have this `body`, and says what it has instead. The answer must be the exchange's response already:
 * filters and formats read it there. `now` is monotonic milliseconds.
 */
export type LocalReplies = (
  head: ResponseHead,
  body: Buffer,
  exchange: Exchange,
  now: number,
  runtime: RuntimeLookup,
) => LocalBody;

/** `now` is monotonic milliseconds. */
export type BodyFormat = (body: Buffer, exchange: Exchange, head: ResponseHead, now: number) => LocalBody;

export const TEXT = 'text/plain';
export const JSON_TYPE = 'application/json';

/** null: answers stay as they are. */
export function decodeLocalReplies(config: LocalReplyConfig | undefined, path: string): LocalReplies | null {
  if (config === undefined) return null;
  const mappers = mapAt(config.mappers, at(path, 'mappers'), compileMapper);
  const format = config.bodyFormat === undefined ? asIs : compileBodyFormat(config.bodyFormat, at(path, 'body_format'));
  return (head, given, exchange, now, runtime) => {
    const mapper = mappers.find(({ wanted }) => wanted(exchange, now, runtime));
    if (mapper === undefined) return format(given, exchange, head, now);
    for (const edit of mapper.edits) edit(head.headers, exchange, head);
    head.status = mapper.status ?? head.status;
    return (mapper.format ?? format)(mapper.body ?? given, exchange, head, now);
  };
}

/** %LOCAL_REPLY_BODY% is the body the answer would have without the format. */
export function compileBodyFormat(format: SubstitutionFormatString, path: string): BodyFormat {
  let given = '';
  const write = compileFormatString(format, path, () => given);
  const contentType = format.contentType || (format.format.case === 'jsonFormat' ? JSON_TYPE : TEXT);
  return (body, exchange, head, now) => {
    given = body.toString('latin1');
    return { body: Buffer.from(write(exchange, head, now), 'latin1'), contentType };
  };
}

const asIs: BodyFormat = (body) => ({ body, contentType: TEXT });

function compileMapper(mapper: ResponseMapper, path: string) {
  const { filter, statusCode, body, bodyFormatOverride } = mapper;
  if (filter === undefined) throw new ConfigError(at(path, 'filter'), 'is required');
  if (statusCode !== undefined && (statusCode < 200 || statusCode > 599)) {
    throw new ConfigError(at(path, 'status_code'), `${statusCode} is no status`);
  }
  return {
    wanted: compileLogFilter(filter, at(path, 'filter')),
    status: statusCode ?? null,
    body: body === undefined ? null : Buffer.from(readSource(body, at(path, 'body'))),
    edits: compileAdditions(mapper.headersToAdd, at(path, 'headers_to_add')),
    format:
      bodyFormatOverride === undefined ? null : compileBodyFormat(bodyFormatOverride, at(path, 'body_format_override')),
  };
}
