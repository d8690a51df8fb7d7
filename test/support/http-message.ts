// Reads HTTP/1 messages as they are on the wire (names and order kept), with no leniency that could hide a proxy's mistake.
import type { ByteReader } from './byte-reader.ts';

/** Name and value pairs in wire order, names as sent. */
export type WireHeaders = readonly (readonly [name: string, value: string])[];

export type WireMessage = {
  readonly startLine: string;
  readonly headers: WireHeaders;
  /** One character per byte. */
  readonly body: string;
  readonly trailers: WireHeaders;
  readonly chunked: boolean;
};

export type WireHead = Pick<WireMessage, 'startLine' | 'headers'>;

export async function readHead(reader: ByteReader): Promise<WireHead> {
  const startLine = await reader.line();
  return { startLine, headers: await readFields(reader) };
}

/** `absent` says what a message with neither length nor chunks has: nothing (requests) or the rest of the stream (responses). */
export async function readBody(
  reader: ByteReader,
  head: WireHead,
  absent: 'empty' | 'until-close',
): Promise<Pick<WireMessage, 'body' | 'trailers' | 'chunked'>> {
  if (headerOf(head.headers, 'transfer-encoding')?.toLowerCase() === 'chunked') return readChunks(reader);
  const length = headerOf(head.headers, 'content-length');
  if (length !== undefined) return { body: await reader.take(Number(length)), trailers: [], chunked: false };
  return { body: absent === 'empty' ? '' : await reader.rest(), trailers: [], chunked: false };
}

/** First value of a name, in any case. */
export function headerOf(headers: WireHeaders, name: string): string | undefined {
  return headers.find(([key]) => key.toLowerCase() === name)?.[1];
}

async function readChunks(reader: ByteReader): Promise<Pick<WireMessage, 'body' | 'trailers' | 'chunked'>> {
  let body = '';
  for (;;) {
    const sizeLine = await reader.line();
    if (!/^[0-9a-fA-F]+(;.*)?$/.test(sizeLine)) throw new Error(`bad chunk size line ${JSON.stringify(sizeLine)}`);
    const size = Number.parseInt(sizeLine, 16);
    if (size === 0) return { body, trailers: await readFields(reader), chunked: true };
    body += await reader.take(size);
    const end = await reader.line();
    if (end !== '') throw new Error(`chunk is longer than its size: ${JSON.stringify(end)}`);
  }
}

async function readFields(reader: ByteReader): Promise<WireHeaders> {
  const fields: [string, string][] = [];
  for (;;) {
    const line = await reader.line();
    if (line === '') return fields;
    const colon = line.indexOf(':');
    if (colon < 1) throw new Error(`bad header line ${JSON.stringify(line)}`);
    fields.push([line.slice(0, colon), line.slice(colon + 1).trim()]);
  }
}
