// Reads the header or trailer lines of a message whose bytes the scanner has checked, and what they say about framing.

import type { CodecFault } from '../http/stream.ts';
import { fault } from './faults.ts';
import { fieldNameAt, role } from './field-names.ts';

const SPACE = 0x20;
const TAB = 0x09;

/** What one message's header lines say. Reused by a connection from message to message; `fields` is a new array each time. */
export class FieldSection {
  /** name, value, name, value, … without the fields that belong to the connection. */
  fields: string[] = [];
  host: string | null = null;
  contentLength = -1;
  chunked = false;
  close = false;
  keepAlive = false;
  expectContinue = false;
  upgrade = '';
  #nominated: string[] = [];
  #upgradeNominated = false;

  /** `text` holds whole lines, each ended by CRLF, from `position` on. */
  read(text: string, position: number, maxFields: number): CodecFault | null {
    this.#clear();
    let count = 0;
    let at = position;
    while (at < text.length) {
      const end = text.indexOf('\r', at);
      const colon = text.indexOf(':', at);
      if (colon === -1 || colon > end) return fault.codec;
      if (++count > maxFields) return fault.tooManyHeaders;
      // A line that begins with white space (obs-fold) and white space before the colon fail here: no token holds any.
      const name = fieldNameAt(text, at, colon);
      if (name === null) return fault.codec;
      const value = trimmed(text, colon + 1, end);
      if (name.role === role.plain) this.fields.push(name.name, value);
      else {
        const wrong = this.#special(name.role, name.name, value);
        if (wrong !== null) return wrong;
      }
      at = end + 2;
    }
    return this.#settle();
  }

  #clear(): void {
    this.fields = [];
    this.host = null;
    this.contentLength = -1;
    this.chunked = false;
    this.close = false;
    this.keepAlive = false;
    this.expectContinue = false;
    this.upgrade = '';
    this.#upgradeNominated = false;
    if (this.#nominated.length > 0) this.#nominated = [];
  }

  #special(kind: number, name: string, value: string): CodecFault | null {
    switch (kind) {
      case role.host:
        if (this.host !== null) return fault.codec;
        this.host = value;
        return null;
      case role.contentLength:
        // Even equal repetitions are refused, like Envoy: two parsers on the way may disagree about them.
        if (this.contentLength !== -1 || !/^\d{1,15}$/.test(value)) return fault.codec;
        this.contentLength = Number(value);
        this.fields.push(name, value);
        return null;
      case role.transferEncoding:
        if (this.chunked || value.toLowerCase() !== 'chunked') return fault.transferEncoding;
        this.chunked = true;
        return null;
      case role.connection:
        return this.#connection(value);
      case role.te:
        if (hasToken(value, 'trailers')) this.fields.push(name, 'trailers');
        return null;
      case role.expect:
        if (value.toLowerCase() === '100-continue') this.expectContinue = true;
        else this.fields.push(name, value);
        return null;
      case role.upgrade:
        this.upgrade = value;
        return null;
      default:
        return null;
    }
  }

  #connection(value: string): null {
    if (value === 'keep-alive') this.keepAlive = true;
    else if (value === 'close') this.close = true;
    else this.#nominate(value);
    return null;
  }

  // RFC 9110 section 7.6.1: what Connection lists is for this hop only.
  #nominate(value: string): void {
    for (const part of value.toLowerCase().split(',')) {
      const token = part.trim();
      if (token === 'close') this.close = true;
      else if (token === 'keep-alive') this.keepAlive = true;
      else if (token === 'upgrade') this.#upgradeNominated = true;
      else if (token !== '' && token !== 'te' && token !== 'content-length') this.#nominated.push(token);
    }
  }

  #settle(): CodecFault | null {
    if (this.chunked && this.contentLength !== -1) return fault.lengthAndChunked;
    if (!this.#upgradeNominated) this.upgrade = '';
    if (this.#nominated.length > 0) {
      const nominated = new Set(this.#nominated);
      const { fields } = this;
      this.fields = fields.filter((_, i) => !nominated.has(fields[i & ~1]!));
    }
    return null;
  }
}

function hasToken(list: string, token: string): boolean {
  return list.split(',').some((part) => part.trim().toLowerCase() === token);
}

function trimmed(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}
