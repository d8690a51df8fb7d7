// The PROXY protocol header that a load balancer sends before the client's bytes, in its text and its binary form.
// https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt
import { isIPv4, isIPv6 } from 'node:net';
import type { Tlv } from '../../http/exchange.ts';
import type { Place } from '../traits.ts';

type ProxyHeader = {
  readonly kind: 'header';
  readonly version: 1 | 2;
  readonly length: number;
  /** null: the balancer speaks for itself (a health check, UNKNOWN): the socket's own addresses hold. */
  readonly ends: { readonly source: Place; readonly destination: Place } | null;
  /** In their order; their values are views of the bytes that were read. */
  readonly tlvs: readonly Tlv[];
};

export type ProxyHeaderRead =
  | ProxyHeader
  | { readonly kind: 'more' }
  | { readonly kind: 'none' }
  | { readonly kind: 'broken'; readonly version: 1 | 2 };

const SIGNATURE_1 = Buffer.from('PROXY ', 'latin1');
const SIGNATURE_2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** Section 2.1: the longest line, with CRLF. */
const LONGEST_LINE = 107;
const FIXED = 16;

/** `none`: the bytes begin otherwise. */
export function readProxyHeader(bytes: Buffer): ProxyHeaderRead {
  if (startsAlike(bytes, SIGNATURE_2)) return bytes.length < FIXED ? MORE : readBinary(bytes);
  if (startsAlike(bytes, SIGNATURE_1)) return readText(bytes);
  return { kind: 'none' };
}

const MORE = { kind: 'more' } as const;
const BROKEN_1 = { kind: 'broken', version: 1 } as const;
const BROKEN_2 = { kind: 'broken', version: 2 } as const;

function startsAlike(bytes: Buffer, signature: Buffer): boolean {
  const length = Math.min(bytes.length, signature.length);
  return bytes.subarray(0, length).equals(signature.subarray(0, length));
}

function readText(bytes: Buffer): ProxyHeaderRead {
  const end = bytes.subarray(0, LONGEST_LINE).indexOf('\r\n');
  if (end === -1) return bytes.length >= LONGEST_LINE ? BROKEN_1 : MORE;
  const [, family, source = '', destination = '', from, to, ...more] = bytes.toString('latin1', 0, end).split(' ');
  const length = end + 2;
  if (family === 'UNKNOWN') return { kind: 'header', version: 1, length, ends: null, tlvs: [] };
  const valid = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : () => false;
  const ports = [portOf(from), portOf(to)] as const;
  if (more.length > 0 || !valid(source) || !valid(destination) || ports[0] === null || ports[1] === null)
    return BROKEN_1;
  const ends = {
    source: { address: source, port: ports[0] },
    destination: { address: destination, port: ports[1] },
  };
  return { kind: 'header', version: 1, length, ends, tlvs: [] };
}

function portOf(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : null;
}

/** Section 2.2: version and command, family, length, addresses, then TLVs. */
function readBinary(bytes: Buffer): ProxyHeaderRead {
  const versionCommand = bytes[12]!;
  if (versionCommand !== 0x20 && versionCommand !== 0x21) return BROKEN_2;
  const family = bytes[13]!;
  const rest = bytes.readUInt16BE(14);
  const length = FIXED + rest;
  if (bytes.length < length) return MORE;
  const local = { kind: 'header', version: 2, length, ends: null, tlvs: [] } as const;
  if (versionCommand === 0x20) return local;
  const size = family === 0x11 ? 4 : family === 0x21 ? 16 : 0;
  if (size === 0) return family === 0x00 ? local : BROKEN_2;
  if (rest < size * 2 + 4) return BROKEN_2;
  const place = (nth: 0 | 1): Place => ({
    address: addressText(bytes.subarray(FIXED + nth * size, FIXED + (nth + 1) * size)),
    port: bytes.readUInt16BE(FIXED + size * 2 + nth * 2),
  });
  const tlvs = readTlvs(bytes.subarray(FIXED + size * 2 + 4, length));
  return tlvs === null ? BROKEN_2 : { ...local, ends: { source: place(0), destination: place(1) }, tlvs };
}

/** Section 2.2.: type, length in two bytes, value. null: one of them says that it is longer than what is there. */
function readTlvs(bytes: Buffer): readonly Tlv[] | null {
  const tlvs: Tlv[] = [];
  let at = 0;
  while (at < bytes.length) {
    const from = at + 3;
    if (from > bytes.length) return null;
    at = from + bytes.readUInt16BE(at + 1);
    if (at > bytes.length) return null;
    tlvs.push({ type: bytes[from - 3]!, value: bytes.subarray(from, at) });
  }
  return tlvs;
}

function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16));
  // The URL parser writes the canonical form (RFC 5952).
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
