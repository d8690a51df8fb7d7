// A request head: text that the scanner has checked → RequestHead and how its body is framed (RFC 9112 sections 3 and 6).
import type { RequestHead } from '../http/message.ts';
import type { CodecFault } from '../http/stream.ts';
import { hasUnderscores, type Underscores, withoutUnderscores } from '../http/underscores.ts';
import { fault } from './faults.ts';
import { FieldSection } from './field-section.ts';
import type { Http1Options } from './options.ts';
import { CHUNKED, UNTIL_CLOSE } from './response-parser.ts';
import { headersOf } from './spelled-head.ts';

// Envoy knows these and refuses the rest.
const METHODS = new Set(
  (
    'GET POST PUT DELETE HEAD PATCH OPTIONS CONNECT TRACE ACL BIND CHECKOUT COPY LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MOVE ' +
    'M-SEARCH NOTIFY PROPFIND PROPPATCH PURGE REBIND REPORT SEARCH SOURCE SUBSCRIBE UNBIND UNLINK UNLOCK UNSUBSCRIBE'
  ).split(' '),
);
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const TARGET = /^[\x21-\x7e]+$/;
// RFC 3986 section 3.2.2, as lenient as Envoy's check; an empty Host is valid.
const AUTHORITY = /^[-._~!$&'()*+,;=:@%[\]0-9A-Za-z]*$/;

export type ParsedRequest = {
  readonly head: RequestHead;
  /** Bytes of the body, CHUNKED, or UNTIL_CLOSE where the protocol may be switched: all that follows is the other protocol's. */
  readonly bodyLength: number;
  readonly keepAlive: boolean;
  readonly expectContinue: boolean;
};

/** As in `HttpConnectionConfig`. */
export type ParserOptions = {
  readonly maxHeaders: number;
  readonly acceptHttp10: boolean;
  readonly anyMethod: boolean;
  readonly defaultHost: string;
  readonly proxies100Continue: boolean;
  readonly underscores: Underscores;
  readonly http1: Http1Options;
};

export class RequestParser {
  readonly #section = new FieldSection();
  readonly #options: ParserOptions;
  readonly #scheme: 'http' | 'https';

  constructor(options: ParserOptions, secure: boolean) {
    this.#options = options;
    this.#scheme = secure ? 'https' : 'http';
  }

  /** `text`: the request line and the header lines, each with its CRLF, without the empty line. */
  parse(text: string): ParsedRequest | CodecFault {
    const line = text.indexOf('\r');
    const space = text.indexOf(' ');
    const method = text.slice(0, space);
    if (space === -1 || space > line || !this.#takes(method)) return fault.codec;
    const version = text.slice(line - 9, line);
    if (version !== ' HTTP/1.1' && version !== ' HTTP/1.0') {
      return /^ HTTP\/\d\.\d$/.test(version) ? fault.version : fault.codec;
    }
    const old = version === ' HTTP/1.0';
    if (old && !this.#options.acceptHttp10) return fault.version;
    const target = text.slice(space + 1, line - 9);
    if (!TARGET.test(target)) return target.includes(' ') || target === '' ? fault.codec : fault.characters;
    const section = this.#section;
    const wrong = section.read(text, line + 2, this.#options.maxHeaders);
    if (wrong !== null) return wrong;
    if (this.#options.underscores !== 'allow' && hasUnderscores(section.fields)) {
      if (this.#options.underscores === 'reject') return fault.underscore;
      section.fields = withoutUnderscores(section.fields);
    }
    if (old && section.chunked) return fault.transferEncoding;
    return this.#finish(text, method, target, old);
  }

  /** It is for the upstream to answer. */
  #passesExpect({ headers }: RequestHead): boolean {
    if (this.#options.proxies100Continue) headers.append('expect', '100-continue');
    return this.#options.proxies100Continue;
  }

  #takes(method: string): boolean {
    return METHODS.has(method) || (this.#options.anyMethod && TOKEN.test(method));
  }

  #finish(text: string, method: string, target: string, old: boolean): ParsedRequest | CodecFault {
    const section = this.#section;
    const head: RequestHead = {
      method,
      scheme: this.#scheme,
      authority: section.host ?? (old ? this.#options.defaultHost : ''),
      path: target,
      protocol: old ? 'HTTP/1.0' : 'HTTP/1.1',
      upgrade: '',
      headers: headersOf(section.fields, text, this.#options.http1.spellingMemory),
    };
    if (target.charCodeAt(0) !== 0x2f || method === 'CONNECT') {
      const wrong = readTarget(head, this.#options.http1.takesUrls);
      if (wrong !== null) return wrong;
    }
    // RFC 9112 section 3.2: a 1.1 request without Host is answered 400, also when the target is absolute; 1.0 may do without, if it says elsewhere where to.
    if (section.host === null && !(old && head.authority !== '')) return fault.missingHost;
    if (!AUTHORITY.test(head.authority)) return fault.authority;
    const bodyLength = section.chunked ? CHUNKED : Math.max(section.contentLength, 0);
    // A server may ignore an upgrade (RFC 9110 section 7.8): of HTTP/2 it always does, and where a body comes before the switch.
    if (section.upgrade !== '' && bodyLength === 0) head.upgrade = upgradeOf(section.upgrade);
    const tunnel = head.upgrade !== '' || method === 'CONNECT';
    return {
      head,
      bodyLength: tunnel ? UNTIL_CLOSE : bodyLength,
      keepAlive: !section.close && (!old || section.keepAlive),
      expectContinue: section.expectContinue && !old && !this.#passesExpect(head),
    };
  }
}

function upgradeOf(value: string): string {
  const protocol = value.toLowerCase();
  return protocol.startsWith('h2c') ? '' : protocol;
}

/** Targets that are not a plain path: absolute-form, authority-form of CONNECT, asterisk-form of OPTIONS. */
function readTarget(head: RequestHead, takesUrls: boolean): CodecFault | null {
  const target = head.path;
  if (head.method === 'CONNECT') {
    if (!/^[^/?#@]+:\d{1,5}$/.test(target)) return fault.url;
    head.authority = target;
    head.path = '';
    return null;
  }
  if (target === '*') return head.method === 'OPTIONS' ? null : fault.url;
  const absolute = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)(.*)$/.exec(target);
  if (!absolute) return fault.codec;
  if (!takesUrls) return null;
  const scheme = absolute[1]!.toLowerCase();
  if (scheme !== 'http' && scheme !== 'https') return fault.scheme;
  const at = absolute[2]!.indexOf('@');
  const authority = absolute[2]!.slice(at + 1);
  // Which of several would end the user information, parsers disagree about.
  if (authority.includes('@')) return fault.url;
  if (authority === '') return fault.url;
  head.authority = authority;
  const path = absolute[3]!;
  // RFC 9112 section 3.2.2: a target has no fragment.
  if (path.startsWith('#')) return fault.url;
  head.path = path.startsWith('/') ? path : `/${path}`;
  return null;
}
