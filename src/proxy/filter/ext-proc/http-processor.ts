// A processor that speaks HTTP: each message is a POST of JSON, and what comes back is the answer to it.
import { fromJson, type JsonObject, type JsonValue, type MessageShape, toJson } from '@bufbuild/protobuf';
import { types } from '../../../xds/descriptors/types.ts';
import type { ExtProcHttpService } from '../../../xds/gen/envoy/extensions/filters/http/ext_proc/v3/ext_proc_pb.ts';
import {
  ProcessingRequestSchema,
  type ProcessingResponse,
  ProcessingResponseSchema,
} from '../../../xds/gen/envoy/service/ext_proc/v3/external_processor_pb.ts';
import type { ClusterClient } from '../../client/cluster-client.ts';
import type { HttpOutcome } from '../../client/http-call.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import { decodeHttpUri, type HttpUriConfig } from '../../config/http-uri.ts';
import { HeaderMap } from '../../http/headers.ts';
import type { RequestHead } from '../../http/message.ts';

const LARGEST_ANSWER = 1024 * 1024;

export function compileHttpService({ httpService }: ExtProcHttpService, path: string): HttpUriConfig {
  const here = at(path, 'http_service');
  if (httpService === undefined) throw new ConfigError(here, 'is required');
  if (httpService.requestHeadersToAdd.length > 0)
    throw new ConfigError(at(here, 'request_headers_to_add'), 'is not supported');
  return decodeHttpUri(httpService.httpUri, at(here, 'http_uri'));
}

/** In the place of a stream; `heard` gets null where there is no answer. */
export class HttpProcessor {
  readonly #uri: HttpUriConfig;
  readonly #client: ClusterClient;
  readonly #heard: (answer: ProcessingResponse | null) => void;
  #cancel: (() => void) | null = null;

  constructor(uri: HttpUriConfig, client: ClusterClient, heard: (answer: ProcessingResponse | null) => void) {
    this.#uri = uri;
    this.#client = client;
    this.#heard = heard;
  }

  /** How long is waited for it the filter says, as with streams. */
  send(message: MessageShape<typeof ProcessingRequestSchema>): void {
    const json = toJson(ProcessingRequestSchema, message, { registry: types, useProtoFieldName: true }) as JsonObject;
    const body = Buffer.from(JSON.stringify({ metadata_context: {}, ...json }));
    const { cluster } = this.#uri;
    const head = headOf(this.#uri, body.length);
    this.#cancel = this.#client.http(
      { cluster, head, body, timeout: 0, maxBytes: LARGEST_ANSWER, retry: null },
      (outcome) => this.#heard(answerOf(outcome)),
    );
  }

  close(): void {
    this.cancel();
  }

  cancel(): void {
    this.#cancel?.();
    this.#cancel = null;
  }
}

function headOf({ authority, path }: HttpUriConfig, length: number): RequestHead {
  const headers = new HeaderMap(['content-length', String(length)]);
  return { method: 'POST', scheme: 'http', authority, path, protocol: 'HTTP/1.1', upgrade: '', headers };
}

function answerOf(outcome: HttpOutcome): ProcessingResponse | null {
  if (outcome.kind !== 'answer' || outcome.answer.status !== 200) return null;
  try {
    const json = JSON.parse(outcome.answer.body.toString()) as JsonValue;
    return fromJson(ProcessingResponseSchema, json, { registry: types });
  } catch {
    // Whatever is wrong with it, it is no answer.
    return null;
  }
}
