// PROXY protocol towards endpoints: a header before the bytes of a connection tells whose it is.
// https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt
import { isIPv4, isIPv6 } from 'node:net';
import { addressBytes } from '../../lib/cidr.ts';
import type { ProxyHeaderConfig } from '../config/proxy-header.ts';
import type { Downstream, SocketName, Tlv } from '../http/exchange.ts';
import { ANYBODY, type Connector, type Purpose } from './connector.ts';

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const LOCAL = 0x20;
const PROXY = 0x21;
const FAMILY_4 = 0x11;
const FAMILY_6 = 0x21;
/** What the length field can say. */
const LONGEST = 65_535;

/** `inner` makes the socket; the header is the first thing written to it. */
export function proxyHeaderConnector(config: ProxyHeaderConfig, inner: Connector): Connector {
  const purposes = new WeakMap<Downstream, Purpose>();
  return {
    connect(address, port, result, purpose) {
      const onConnected: typeof result.onConnected = (socket, alpn, tls) => {
        const { localAddress = '', localPort = 0 } = socket;
        const own = { address: localAddress, port: localPort };
        socket.write(purpose?.preface ?? ownHeader(config, own, { address, port }));
        result.onConnected(socket, alpn, tls);
      };
      return inner.connect(address, port, { onConnected, onFailed: result.onFailed });
    },
    purposeOf({ downstream }) {
      const known = purposes.get(downstream);
      if (known !== undefined) return known;
      const preface = encodeProxyHeader(config, downstream);
      const purpose = { ...ANYBODY, key: preface.toString('latin1'), preface };
      purposes.set(downstream, purpose);
      return purpose;
    },
  };
}

/** Of a connection that is made for a client. */
export function encodeProxyHeader(config: ProxyHeaderConfig, downstream: Downstream): Buffer {
  const { remote, local, proxyTlvs } = downstream;
  if (config.version === 1) return encodeText(remote, local);
  return encodeBinary(remote, local, chooseTlvs(config, proxyTlvs));
}

/** Of a connection that is for the proxy itself, as to check the endpoint's health. */
function ownHeader({ version }: ProxyHeaderConfig, source: SocketName, destination: SocketName): Buffer {
  return version === 1 ? encodeText(source, destination) : LOCAL_HEADER;
}

/** Section 2.1. A Unix socket has no addresses to tell. */
function encodeText(source: SocketName, destination: SocketName): Buffer {
  const four = isIPv4(source.address) && isIPv4(destination.address);
  if (!four && !(isIPv6(source.address) && isIPv6(destination.address))) return Buffer.from('PROXY UNKNOWN\r\n');
  const family = four ? 'TCP4' : 'TCP6';
  const ends = `${source.address} ${destination.address} ${source.port} ${destination.port}`;
  return Buffer.from(`PROXY ${family} ${ends}\r\n`, 'latin1');
}

/** Section 2.2. */
function encodeBinary(source: SocketName, destination: SocketName, tlvs: readonly Tlv[]): Buffer {
  const from = addressBytes(source.address);
  const to = addressBytes(destination.address);
  if (from === null || to === null || from.length !== to.length) return LOCAL_HEADER;
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(source.port);
  ports.writeUInt16BE(destination.port, 2);
  const ends = Buffer.concat([from, to, ports]);
  return withHead(PROXY, from.length === 4 ? FAMILY_4 : FAMILY_6, Buffer.concat([ends, encodeTlvs(tlvs, ends.length)]));
}

/** What would make the header too long is left out, as Envoy does. */
function encodeTlvs(tlvs: readonly Tlv[], taken: number): Buffer {
  const parts: Buffer[] = [];
  let length = taken;
  for (const { type, value } of tlvs) {
    if (length + 3 + value.length > LONGEST) continue;
    length += 3 + value.length;
    parts.push(Buffer.from([type, value.length >> 8, value.length & 0xff]), value);
  }
  return Buffer.concat(parts);
}

/** Those of the configuration, and of the client's own header those that may pass and that the configuration does not replace. */
function chooseTlvs({ added, passes }: ProxyHeaderConfig, given: readonly Tlv[]): readonly Tlv[] {
  const passed = given.filter(
    ({ type }) => (passes === 'all' || passes.includes(type)) && added.every((other) => other.type !== type),
  );
  return [...added, ...passed];
}

function withHead(command: number, family: number, rest: Buffer): Buffer {
  const head = Buffer.from([command, family, rest.length >> 8, rest.length & 0xff]);
  return Buffer.concat([SIGNATURE, head, rest]);
}

const LOCAL_HEADER = withHead(LOCAL, 0, Buffer.alloc(0));
