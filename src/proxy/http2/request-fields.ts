// Fields of a header block → a request head or trailers, by the rules of RFC 9113 section 8.3.1 and RFC 8441.
import { HeaderMap } from '../http/headers.ts';
import type { RequestHead } from '../http/message.ts';
import { hasUnderscores, type Underscores, withoutUnderscores } from '../http/underscores.ts';
import type { BlockFields } from './block-reader.ts';
import { decimal } from './decimal.ts';
import { kind } from './field-kind.ts';

export type RequestLimits = {
  readonly maxHeadBytes: number;
  readonly maxHeaders: number;
  readonly allowConnect: boolean;
  readonly proxies100Continue: boolean;
  readonly underscores: Underscores;
};

// RFC 3986 section 3.2.2, as lenient as Envoy's check.
const AUTHORITY = /^[-._~!$&'()*+,;=:@%[\]0-9A-Za-z]*$/;
const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const PATH = /^\/[\x21-\x7e\x80-\xff]*$/;

/** Collects one block, which may be the head or the trailers of many messages. */
export class RequestFields implements BlockFields {
  /** Why there was no head or no trailers. */
  wrong = '';
  tooLarge = false;
  /** Names of fields have underscores, which must not be. */
  unwanted = false;
  contentLength = -1;
  expectContinue = false;
  /** What is wrong with the block, '' for nothing. */
  #flaw = '';
  #fields: string[] = [];
  #method = '';
  #path = '';
  #scheme = '';
  #authority = '';
  #protocol = '';
  #host: string | null = null;
  #cookie = -1;
  #seen = 0;
  #regular = false;
  #bytes = 0;
  /** The last good ones. */
  #lastPath = '/';
  #lastAuthority: string | null = null;
  readonly #limits: RequestLimits;

  constructor(limits: RequestLimits) {
    this.#limits = limits;
  }

  begin(): void {
    this.#flaw = '';
    this.tooLarge = false;
    this.unwanted = false;
    this.contentLength = -1;
    this.expectContinue = false;
    this.#fields = [];
    this.#method = '';
    this.#path = '';
    this.#scheme = '';
    this.#authority = '';
    this.#protocol = '';
    this.#host = null;
    this.#cookie = -1;
    this.#seen = 0;
    this.#regular = false;
    this.#bytes = 0;
  }

  onField(name: string, value: string, what: number): void {
    this.#bytes += name.length + value.length;
    if (this.#bytes > this.#limits.maxHeadBytes || this.#fields.length >= this.#limits.maxHeaders * 2) {
      this.tooLarge = true;
      return;
    }
    if (what === kind.plain) {
      this.#regular = true;
      this.#fields.push(name, value);
    } else if (what <= kind.protocol) this.#pseudo(value, what);
    else this.#special(name, value, what);
  }

  /** The block is complete. */
  sift(): void {
    const { underscores } = this.#limits;
    if (underscores === 'allow' || !hasUnderscores(this.#fields)) return;
    if (underscores === 'drop') this.#fields = withoutUnderscores(this.#fields);
    else this.unwanted = true;
  }

  /** The head of a request, null when `wrong` says why not. `secure`: the transport is TLS. */
  head(secure: boolean): RequestHead | null {
    const connect = this.#method === 'CONNECT';
    const extended = this.#protocol !== '';
    if (this.#host !== null && !this.#has(kind.authority)) this.#authority = this.#host;
    this.wrong = this.#flaw || (connect && !extended ? this.#wrongConnect() : this.#wrongRequest(connect, extended));
    if (this.wrong !== '') return null;
    return {
      // Inside the proxy an upgrade looks the same whatever the wire (RFC 8441 section 4).
      method: extended ? 'GET' : this.#method,
      scheme: secure ? 'https' : 'http',
      authority: this.#authority,
      path: this.#path,
      protocol: 'HTTP/2',
      upgrade: extended ? this.#protocol.toLowerCase() : '',
      headers: HeaderMap.copy(this.#fields),
    };
  }

  /** null when `wrong` says why not. */
  trailers(): HeaderMap | null {
    const ofHead = this.#seen !== 0 || this.#host !== null;
    this.wrong = this.#flaw || (ofHead ? 'trailers with fields of a head' : '');
    return this.wrong === '' ? HeaderMap.copy(this.#fields) : null;
  }

  #pseudo(value: string, what: number): void {
    if (this.#regular) this.#fail('a pseudo-header after a field');
    if (this.#has(what)) this.#fail('a pseudo-header twice');
    this.#seen |= 1 << what;
    if (what === kind.method) this.#method = value;
    else if (what === kind.path) this.#path = value;
    else if (what === kind.scheme) this.#scheme = value;
    else if (what === kind.authority) this.#authority = value;
    else if (what === kind.protocol) this.#protocol = value;
    else this.#fail('a pseudo-header of responses');
  }

  #special(name: string, value: string, what: number): void {
    this.#regular = true;
    switch (what) {
      case kind.host:
        if (this.#host !== null) this.#fail('two hosts');
        this.#host = value;
        return;
      case kind.contentLength:
        this.#setLength(value);
        this.#fields.push(name, value);
        return;
      case kind.cookie:
        this.#addCookie(name, value);
        return;
      case kind.te:
        if (value.toLowerCase() !== 'trailers') this.#fail('te may only be trailers');
        this.#fields.push(name, 'trailers');
        return;
      case kind.expect:
        if (value.toLowerCase() === '100-continue' && !this.#limits.proxies100Continue) this.expectContinue = true;
        else this.#fields.push(name, value);
        return;
      default:
        this.#fail(what === kind.connection ? `${name} is a field of HTTP/1.1` : 'an invalid field');
    }
  }

  #setLength(value: string): void {
    const length = decimal(value);
    if (length === -1 || this.contentLength !== -1) this.#fail('a bad content-length');
    this.contentLength = length;
  }

  /** Crumbs become one field again (RFC 9113 section 8.2.3). */
  #addCookie(name: string, value: string): void {
    if (this.#cookie === -1) {
      this.#cookie = this.#fields.length;
      this.#fields.push(name, value);
    } else this.#fields[this.#cookie + 1] += `; ${value}`;
  }

  #wrongConnect(): string {
    if (this.#has(kind.path) || this.#has(kind.scheme)) return 'CONNECT with a path or a scheme';
    return this.#authority === '' || !AUTHORITY.test(this.#authority) ? 'CONNECT without an authority' : '';
  }

  #wrongRequest(connect: boolean, extended: boolean): string {
    if (extended && (!connect || !this.#limits.allowConnect)) return ':protocol was not offered';
    if (this.#method !== 'GET' && !METHOD.test(this.#method)) return 'no method';
    if (!this.#has(kind.scheme) || this.#scheme === '') return 'no scheme';
    if (!this.#hasPath() && (this.#path !== '*' || this.#method !== 'OPTIONS')) return 'no path';
    return this.#hasAuthority() ? '' : 'no valid authority';
  }

  /** Paths and authorities of a connection repeat: entries of its table are the same string. */
  #hasPath(): boolean {
    if (this.#path === this.#lastPath) return true;
    if (!PATH.test(this.#path)) return false;
    this.#lastPath = this.#path;
    return true;
  }

  #hasAuthority(): boolean {
    if (this.#authority === this.#lastAuthority) return true;
    if (this.#authority === '' || !AUTHORITY.test(this.#authority)) return false;
    this.#lastAuthority = this.#authority;
    return true;
  }

  #has(what: number): boolean {
    return (this.#seen & (1 << what)) !== 0;
  }

  #fail(reason: string): void {
    if (this.#flaw === '') this.#flaw = reason;
  }
}
