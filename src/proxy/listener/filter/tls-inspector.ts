// Tells TLS from plain text by the first bytes, and reads the server name and protocols a ClientHello asks for (RFC 8446 section 4.1.2).

type Inspected = {
  readonly transport: 'tls' | 'raw_buffer';
  /** Lower case, '' without one. */
  readonly serverName: string;
  readonly applicationProtocols: readonly string[];
};

const HANDSHAKE_RECORD = 0x16;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const ALPN = 16;
/** Version, random, a session id, a cipher suite and a compression method. */
const SHORTEST = 2 + 32 + 1 + 4 + 2;
const PLAIN: Inspected = { transport: 'raw_buffer', serverName: '', applicationProtocols: [] };
const OPAQUE: Inspected = { transport: 'tls', serverName: '', applicationProtocols: [] };

/** null: more bytes are needed. */
export function readHello(bytes: Buffer): Inspected | null {
  if (bytes[0] !== HANDSHAKE_RECORD) return PLAIN;
  const hello = helloOf(bytes);
  if (hello === 'more') return null;
  return hello === 'none' || hello.length < SHORTEST ? OPAQUE : readExtensions(hello);
}

/** The body of the ClientHello, which may span records. */
export function helloOf(bytes: Buffer): Buffer | 'more' | 'none' {
  const parts: Buffer[] = [];
  let have = 0;
  let at = 0;
  /** Bytes of the message with its head; 0 before that is there. */
  let wanted = 0;
  while (at + 5 <= bytes.length) {
    if (bytes[at] !== HANDSHAKE_RECORD) return 'none';
    const end = at + 5 + bytes.readUInt16BE(at + 3);
    parts.push(bytes.subarray(at + 5, Math.min(end, bytes.length)));
    have += parts.at(-1)!.length;
    at = end;
    if (have < 4) continue;
    if (wanted === 0) {
      const head = joined(parts);
      if (head[0] !== CLIENT_HELLO) return 'none';
      wanted = 4 + head.readUIntBE(1, 3);
    }
    if (have >= wanted) return joined(parts).subarray(4, wanted);
  }
  return 'more';
}

function joined(parts: readonly Buffer[]): Buffer {
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

/** Whether the bytes were a ClientHello: what only begins like TLS is left for the handshake to refuse. */
export function isHello(inspected: Inspected): boolean {
  return inspected !== PLAIN && inspected !== OPAQUE;
}

function readExtensions(hello: Buffer): Inspected {
  const reader = new Reader(hello);
  reader.skip(2 + 32);
  reader.vector(1);
  reader.vector(2);
  reader.vector(1);
  const extensions = new Reader(reader.vector(2));
  let serverName = '';
  let applicationProtocols: string[] = [];
  while (extensions.left > 4) {
    const type = extensions.number(2);
    const body = new Reader(extensions.vector(2));
    if (type === SERVER_NAME) serverName = readServerName(body);
    else if (type === ALPN) applicationProtocols = readProtocols(body);
  }
  return { transport: 'tls', serverName, applicationProtocols };
}

// RFC 6066 section 3: a list of names, of which only host names (type 0) exist.
function readServerName(body: Reader): string {
  const list = new Reader(body.vector(2));
  return list.number(1) === 0 ? list.vector(2).toString('latin1').toLowerCase() : '';
}

function readProtocols(body: Reader): string[] {
  const list = new Reader(body.vector(2));
  const protocols: string[] = [];
  while (list.left > 0) protocols.push(list.vector(1).toString('latin1'));
  return protocols;
}

/** Reads past the end give zeros and empty vectors: a broken hello is left for the handshake to refuse. */
export class Reader {
  #at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  skip(count: number): void {
    this.#at = Math.min(this.#at + count, this.#bytes.length);
  }

  number(size: number): number {
    if (this.left < size) {
      this.#at = this.#bytes.length;
      return 0;
    }
    const value = this.#bytes.readUIntBE(this.#at, size);
    this.#at += size;
    return value;
  }

  vector(lengthSize: number): Buffer {
    const length = this.number(lengthSize);
    const start = this.#at;
    this.skip(length);
    return this.#bytes.subarray(start, this.#at);
  }
}
