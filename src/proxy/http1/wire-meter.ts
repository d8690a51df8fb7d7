// Counts the bytes of one exchange on a connection of HTTP/1.1. Headers are what Envoy counts as such: field lines, without the first line
// and the empty one.
import { newWireBytes, type WireBytes } from '../http/wire-bytes.ts';
import type { Output } from './output.ts';

/** Of a request whose head has come, or could not be read (null). null: nobody asks. */
export function newMeter(output: Output, lines: string | null): WireMeter | null {
  const wire = newWireBytes();
  if (wire === null) return null;
  const meter = new WireMeter(wire, output);
  if (lines !== null) meter.readHead(lines);
  return meter;
}

export class WireMeter {
  readonly wire: WireBytes;
  readonly #output: Output;
  /** What the output had said when the wire had sent nothing. */
  readonly #from: number;

  constructor(wire: WireBytes, output: Output) {
    this.wire = wire;
    this.#output = output;
    this.#from = output.said - wire.sent;
  }

  /** A head has been said. */
  saidHead(head: string): void {
    const fields = head.length - head.indexOf('\n') - '\n\r\n'.length;
    this.wire.headersSent += fields;
    this.wire.decompressedSent += fields;
    this.said();
  }

  said(): void {
    this.wire.sent = this.#output.said - this.#from;
  }

  /** The lines of a head have been read, and the empty one after them. */
  readHead(lines: string): void {
    const fields = fieldBytes(lines);
    this.wire.received += lines.length + '\r\n'.length;
    this.wire.headersReceived += fields;
    this.wire.decompressedReceived += fields;
  }

  readBody(length: number): void {
    this.wire.received += length;
  }
}

/** Names and values, a colon and the end of the line, but no spaces around a value. */
function fieldBytes(lines: string): number {
  let total = 0;
  for (let at = lines.indexOf('\n') + 1; at > 0 && at < lines.length; ) {
    const end = lines.indexOf('\r', at);
    const colon = lines.indexOf(':', at);
    total += colon - at + lines.slice(colon + 1, end).trim().length + ':\r\n'.length;
    at = end + '\r\n'.length;
  }
  return total;
}
