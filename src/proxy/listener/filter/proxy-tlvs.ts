// What is kept of the TLVs in a client's PROXY header: those that may pass to an endpoint, and those that become metadata of the connection.
import { isUtf8 } from 'node:buffer';
import type { ListenerFilterConfig } from '../../config/listener-types.ts';
import type { Tlv } from '../../http/exchange.ts';
import type { ConnectionTraits } from '../traits.ts';

type ProxyProtocolFilter = Extract<ListenerFilterConfig, { kind: 'proxy-protocol' }>;

export function keepTlvs(tlvs: readonly Tlv[], { passes, notes }: ProxyProtocolFilter, traits: ConnectionTraits): void {
  if (tlvs.length === 0) return;
  traits.proxyTlvs = tlvs
    .filter(({ type }) => passes === 'all' || passes.includes(type))
    .map(({ type, value }) => ({ type, value: Buffer.from(value) }));
  for (const { type, value } of tlvs) {
    const note = notes.get(type);
    if (note === undefined) continue;
    traits.metadata ??= new Map();
    const before = traits.metadata.get(note.namespace) as object | undefined;
    const text = note.base64 ? value.toString('base64') : sanitized(value);
    traits.metadata.set(note.namespace, { [note.key]: text, ...before });
  }
}

/** As UTF-8; a `!` for each byte that is none. */
function sanitized(value: Buffer): string {
  if (isUtf8(value)) return value.toString('utf8');
  let text = '';
  for (let at = 0; at < value.length; ) {
    const length = [1, 2, 3, 4].find((count) => at + count <= value.length && isUtf8(value.subarray(at, at + count)));
    text += length === undefined ? '!' : value.toString('utf8', at, at + length);
    at += length ?? 1;
  }
  return text;
}
