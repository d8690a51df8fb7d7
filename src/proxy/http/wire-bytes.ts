// Bytes of one exchange on one of its connections, with framing. They are counted once something that was compiled wants them: a process
// whose logs do not ask makes none of these.
import type { HeaderMap } from './headers.ts';
import type { RequestHead, ResponseHead } from './message.ts';

export class WireBytes {
  sent = 0;
  received = 0;
  /** Field lines alone in HTTP/1.1; in HTTP/2 frames of header blocks. */
  headersSent = 0;
  headersReceived = 0;
  /** Names and values in HTTP/2; in HTTP/1.1, which compresses nothing, as above. */
  decompressedSent = 0;
  decompressedReceived = 0;

  /** A header block of HTTP/2. */
  sentBlock(frames: number, fields: number): void {
    this.sent += frames;
    this.headersSent += frames;
    this.decompressedSent += fields;
  }

  receivedBlock(frames: number, fields: number): void {
    this.received += frames;
    this.headersReceived += frames;
    this.decompressedReceived += fields;
  }
}

let wanted = false;

/** From now on exchanges are counted. */
export function wantWireBytes(): void {
  wanted = true;
}

/** null: nobody asks. */
export function newWireBytes(): WireBytes | null {
  return wanted ? new WireBytes() : null;
}

/** Names and values, as Envoy counts a header map, without what a protocol puts between them. */
export function requestBytes({ method, scheme, authority, path, headers }: RequestHead): number {
  return (
    pseudo(':method', method) +
    pseudo(':scheme', scheme) +
    pseudo(':authority', authority) +
    pseudo(':path', path) +
    fieldBytes(headers)
  );
}

export function responseBytes({ headers }: ResponseHead): number {
  return ':status'.length + 3 + fieldBytes(headers);
}

export function fieldBytes({ fields }: HeaderMap): number {
  let total = 0;
  for (const text of fields) total += text.length;
  return total;
}

function pseudo(name: string, value: string): number {
  return value === '' ? 0 : name.length + value.length;
}
