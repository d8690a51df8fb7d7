// Heads and trailers as HTTP/1.1 text. One string per head: joining short strings is cheaper in V8 than writing them into a buffer.
import type { HeaderMap } from '../http/headers.ts';
import type { RequestHead, ResponseHead } from '../http/message.ts';

/** How the bytes that follow a head are framed. */
export type Framing = 'none' | 'length' | 'chunked' | 'until-close';

const REASONS: Readonly<Record<number, string>> = {
  100: 'Continue',
  101: 'Switching Protocols',
  102: 'Processing',
  103: 'Early Hints',
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  203: 'Non-Authoritative Information',
  204: 'No Content',
  205: 'Reset Content',
  206: 'Partial Content',
  207: 'Multi-Status',
  208: 'Already Reported',
  226: 'IM Used',
  300: 'Multiple Choices',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  304: 'Not Modified',
  305: 'Use Proxy',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  402: 'Payment Required',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  407: 'Proxy Authentication Required',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  411: 'Length Required',
  412: 'Precondition Failed',
  413: 'Payload Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  416: 'Range Not Satisfiable',
  417: 'Expectation Failed',
  421: 'Misdirected Request',
  422: 'Unprocessable Entity',
  423: 'Locked',
  424: 'Failed Dependency',
  426: 'Upgrade Required',
  428: 'Precondition Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
  506: 'Variant Also Negotiates',
  507: 'Insufficient Storage',
  508: 'Loop Detected',
  510: 'Not Extended',
  511: 'Network Authentication Required',
};

/** Methods that have no content by their meaning: others say that theirs is empty (RFC 9110 8.6). */
const BODILESS = new Set(['GET', 'HEAD', 'DELETE', 'TRACE', 'CONNECT']);

/** `last`: no body follows. A request without Content-Length and with a body goes chunked. */
export function requestHead(head: RequestHead, last: boolean): { text: string; framing: Framing } {
  const { fields } = head.headers;
  let text = `${head.method} ${head.path === '' ? head.authority : head.path} HTTP/1.1\r\nhost: ${head.authority}\r\n`;
  let sized = false;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === 'content-length') sized = true;
    text += `${fields[i]}: ${fields[i + 1]}\r\n`;
  }
  if (head.upgrade !== '') return { text: `${text}${switchTo(head.upgrade)}\r\n`, framing: 'until-close' };
  if (head.method === 'CONNECT') return { text: `${text}\r\n`, framing: 'until-close' };
  if (last && !sized && !BODILESS.has(head.method))
    return { text: `${text}content-length: 0\r\n\r\n`, framing: 'none' };
  if (last || sized) return { text: `${text}\r\n`, framing: last ? 'none' : 'length' };
  return { text: `${text}transfer-encoding: chunked\r\n\r\n`, framing: 'chunked' };
}

export type ResponseOptions = {
  readonly last: boolean;
  readonly requestMethod: string;
  /** The peer speaks 1.1: it understands chunks, and keeps the connection without being told. */
  readonly modern: boolean;
  readonly close: boolean;
  /** What the request asked to switch to, '' for nothing. */
  readonly upgrade: string;
};

/** The answer after which the connection speaks another protocol. */
export function isSwitch(status: number, method: string, upgrade: string): boolean {
  return upgrade === '' ? method === 'CONNECT' && status >= 200 && status < 300 : status === 101;
}

export function responseHead(head: ResponseHead, options: ResponseOptions): { text: string; framing: Framing } {
  const { fields } = head.headers;
  const { status } = head;
  let text = `HTTP/1.1 ${status} ${REASONS[status] ?? 'Unknown'}\r\n`;
  let sized = false;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === 'content-length') sized = true;
    text += `${fields[i]}: ${fields[i + 1]}\r\n`;
  }
  if (isSwitch(status, options.requestMethod, options.upgrade)) {
    return { text: `${text}${options.upgrade === '' ? '' : switchTo(options.upgrade)}\r\n`, framing: 'until-close' };
  }
  if (options.close) text += 'connection: close\r\n';
  else if (!options.modern) text += 'connection: keep-alive\r\n';
  const bodiless = options.requestMethod === 'HEAD' || status === 204 || status === 304;
  if (sized || bodiless) return { text: `${text}\r\n`, framing: bodiless ? 'none' : 'length' };
  if (options.last) return { text: `${text}content-length: 0\r\n\r\n`, framing: 'none' };
  if (!options.modern) return { text: `${text}\r\n`, framing: 'until-close' };
  return { text: `${text}transfer-encoding: chunked\r\n\r\n`, framing: 'chunked' };
}

function switchTo(protocol: string): string {
  return `connection: upgrade\r\nupgrade: ${protocol}\r\n`;
}

export function interimHead(head: ResponseHead): string {
  let text = `HTTP/1.1 ${head.status} ${REASONS[head.status] ?? 'Unknown'}\r\n`;
  for (const [name, value] of head.headers) text += `${name}: ${value}\r\n`;
  return `${text}\r\n`;
}

/** The last chunk with its trailers. */
export function lastChunk(trailers: HeaderMap | null): string {
  if (trailers === null) return '0\r\n\r\n';
  let text = '0\r\n';
  for (const [name, value] of trailers) text += `${name}: ${value}\r\n`;
  return `${text}\r\n`;
}
