// Fingerprints of a client by its ClientHello: JA3 (https://github.com/salesforce/ja3) and JA4 (FoxIO, "JA4: TLS Client Fingerprinting").
import { createHash } from 'node:crypto';
import type { ClientFingerprints } from '../../http/exchange.ts';
import { helloOf, Reader } from './tls-inspector.ts';

/** What both are made of, without GREASE (RFC 8701). */
type Traits = {
  readonly version: number;
  readonly ciphers: readonly number[];
  readonly extensions: readonly number[];
  readonly groups: readonly number[];
  readonly pointFormats: readonly number[];
  readonly signatures: readonly number[];
  readonly versions: readonly number[];
  /** The first protocol, as it was sent. */
  readonly protocol: Buffer;
};

const extension = { serverName: 0, groups: 10, pointFormats: 11, signatures: 13, alpn: 16, versions: 43 };

/** '' for what is not wanted; null where the bytes are no ClientHello. */
export function fingerprint(
  bytes: Buffer,
  wanted: { readonly ja3: boolean; readonly ja4: boolean },
): ClientFingerprints | null {
  const hello = helloOf(bytes);
  if (typeof hello === 'string') return null;
  const traits = readTraits(hello);
  return { ja3: wanted.ja3 ? ja3Of(traits) : '', ja4: wanted.ja4 ? ja4Of(traits) : '' };
}

function readTraits(hello: Buffer): Traits {
  const reader = new Reader(hello);
  const version = reader.number(2);
  reader.skip(32);
  reader.vector(1);
  const ciphers = numbers(reader.vector(2));
  reader.vector(1);
  const bodies = new Map<number, Buffer>();
  const extensions = new Reader(reader.vector(2));
  while (extensions.left >= 4) bodies.set(extensions.number(2), extensions.vector(2));
  const list = (type: number, lengthSize: number) => new Reader(bodies.get(type) ?? Buffer.alloc(0)).vector(lengthSize);
  return {
    version,
    ciphers,
    extensions: [...bodies.keys()].filter(isReal),
    groups: numbers(list(extension.groups, 2)),
    pointFormats: [...list(extension.pointFormats, 1)],
    signatures: numbers(list(extension.signatures, 2)),
    versions: numbers(list(extension.versions, 1)),
    protocol: new Reader(list(extension.alpn, 2)).vector(1),
  };
}

function numbers(bytes: Buffer): number[] {
  const reader = new Reader(bytes);
  const found: number[] = [];
  while (reader.left >= 2) found.push(reader.number(2));
  return found.filter(isReal);
}

/** Both bytes alike, and each ends in ten: GREASE. */
function isReal(value: number): boolean {
  return (value & 0x0f0f) !== 0x0a0a || value >>> 8 !== (value & 0xff);
}

function ja3Of({ version, ciphers, extensions, groups, pointFormats }: Traits): string {
  const lists = [ciphers, extensions, groups, pointFormats].map((list) => list.join('-'));
  return createHash('md5')
    .update([version, ...lists].join(','))
    .digest('hex');
}

const VERSIONS: Readonly<Record<number, string>> = {
  772: '13',
  771: '12',
  770: '11',
  769: '10',
  768: 's3',
  2: 's2',
};

function ja4Of({ version, versions, ciphers, extensions, signatures, protocol }: Traits): string {
  const highest = versions.length === 0 ? version : Math.max(...versions);
  const named = extensions.includes(extension.serverName) ? 'd' : 'i';
  const head = `t${VERSIONS[highest] ?? '00'}${named}${count(ciphers)}${count(extensions)}${endsOf(protocol)}`;
  const others = extensions.filter((type) => type !== extension.serverName && type !== extension.alpn);
  const sorted = hexes(others).sort().join(',');
  const signed = signatures.length === 0 ? sorted : `${sorted}_${hexes(signatures).join(',')}`;
  return `${head}_${digest(hexes(ciphers).sort().join(','))}_${digest(signed)}`;
}

function count(list: readonly number[]): string {
  return String(Math.min(list.length, 99)).padStart(2, '0');
}

/** First and last character; of others than letters and digits the first and last digit of their hexadecimal form. */
function endsOf(protocol: Buffer): string {
  const [first, last] = [protocol[0], protocol.at(-1)];
  if (first === undefined || last === undefined) return '00';
  const ends = String.fromCharCode(first, last);
  if (/^[0-9A-Za-z]{2}$/.test(ends)) return ends;
  const hex = protocol.toString('hex');
  return hex[0]! + hex.at(-1)!;
}

function hexes(list: readonly number[]): string[] {
  return list.map((value) => value.toString(16).padStart(4, '0'));
}

function digest(text: string): string {
  return text === '' ? '000000000000' : createHash('sha256').update(text).digest('hex').slice(0, 12);
}
