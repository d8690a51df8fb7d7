// Fields of a header block → a response head or trailers, by the rules of RFC 9113 section 8.3.2.
import { HeaderMap } from '../http/headers.ts';
import type { ResponseHead } from '../http/message.ts';
import type { ResponseLimits } from '../http/response-limits.ts';
import type { BlockFields } from './block-reader.ts';
import { decimal } from './decimal.ts';
import { kind } from './field-kind.ts';

/** Collects one block, which may be the head or the trailers of many messages. */
export class ResponseFields implements BlockFields {
  /** The message is not one that may be passed on. */
  wrong = false;
  contentLength = -1;
  #fields: string[] = [];
  #status = 0;
  #regular = false;
  #bytes = 0;
  readonly #limits: ResponseLimits;

  constructor(limits: ResponseLimits) {
    this.#limits = limits;
  }

  begin(): void {
    this.wrong = false;
    this.contentLength = -1;
    this.#fields = [];
    this.#status = 0;
    this.#regular = false;
    this.#bytes = 0;
  }

  onField(name: string, value: string, what: number): void {
    this.#bytes += name.length + value.length;
    if (this.#bytes > this.#limits.maxHeadBytes || this.#fields.length >= this.#limits.maxHeaders * 2)
      this.wrong = true;
    else if (what === kind.status) this.#setStatus(value);
    else {
      this.#regular = true;
      if (what === kind.contentLength) this.#setLength(value);
      else if (what === kind.connection || what === kind.invalid || what <= kind.protocol)
        this.wrong ||= what !== kind.plain;
      this.#fields.push(name, value);
    }
  }

  head(): ResponseHead | null {
    if (this.wrong || this.#status === 0) return null;
    return { status: this.#status, headers: HeaderMap.copy(this.#fields) };
  }

  trailers(): HeaderMap | null {
    return this.wrong || this.#status !== 0 ? null : HeaderMap.copy(this.#fields);
  }

  #setStatus(value: string): void {
    const status = value.length === 3 ? decimal(value) : -1;
    if (this.#regular || this.#status !== 0 || status < 100) this.wrong = true;
    else this.#status = status;
  }

  #setLength(value: string): void {
    const length = decimal(value);
    if (length === -1 || this.contentLength !== -1) this.wrong = true;
    this.contentLength = length;
  }
}
