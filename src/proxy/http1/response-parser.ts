// A response head: text that the scanner has checked → ResponseHead and how its body is framed (RFC 9112 sections 4 and 6.3).
import type { ResponseHead } from '../http/message.ts';
import { FieldSection } from './field-section.ts';
import { headersOf, type SpellingMemory } from './spelled-head.ts';

/** Framings of a body that are no length. */
export const CHUNKED = -1;
export const UNTIL_CLOSE = -2;

export type ParsedResponse = {
  readonly head: ResponseHead;
  /** Bytes of the body, CHUNKED or UNTIL_CLOSE. */
  readonly bodyLength: number;
  readonly keepAlive: boolean;
};

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [^\r]*)?\r/;

export class ResponseParser {
  readonly #section = new FieldSection();
  readonly #maxHeaders: number;
  readonly #memory: SpellingMemory | null;

  constructor(maxHeaders: number, memory: SpellingMemory | null) {
    this.#maxHeaders = maxHeaders;
    this.#memory = memory;
  }

  /** null: not a response this proxy may pass on. */
  parse(text: string, requestMethod: string): ParsedResponse | null {
    const line = STATUS_LINE.exec(text);
    if (!line) return null;
    const section = this.#section;
    if (section.read(text, line[0].length + 1, this.#maxHeaders) !== null) return null;
    const old = line[1] === '0';
    if (old && section.chunked) return null;
    if (section.host !== null) section.fields.push('host', section.host);
    const status = Number(line[2]);
    const bodyLength = framing(section, status, requestMethod);
    const headers = headersOf(section.fields, text, this.#memory);
    // RFC 9110 section 8.6: neither 1xx nor 204 may carry Content-Length.
    if (status === 204 || status < 200) headers.remove('content-length');
    return {
      head: { status, headers },
      bodyLength,
      keepAlive: !section.close && (!old || section.keepAlive) && bodyLength !== UNTIL_CLOSE,
    };
  }
}

function framing(section: FieldSection, status: number, method: string): number {
  if (method === 'HEAD' || status === 204 || status === 304 || status < 200) return 0;
  if (section.chunked) return CHUNKED;
  return section.contentLength === -1 ? UNTIL_CLOSE : section.contentLength;
}
