// What listener filters read of a connection's first bytes: the PROXY protocol, a ClientHello, a request line. They may ask for more bytes, and must
// not change their mind when those come.
import { isIP } from 'node:net';
import { encodeProxyHeader } from '../../src/proxy/cluster/proxy-header.ts';
import type { Downstream } from '../../src/proxy/http/exchange.ts';
import { readHttpProtocols } from '../../src/proxy/listener/filter/http-inspector.ts';
import { type ProxyHeaderRead, readProxyHeader } from '../../src/proxy/listener/filter/proxy-protocol.ts';
import { readHello } from '../../src/proxy/listener/filter/tls-inspector.ts';
import type { Target } from './target.ts';

export const proxyHeader: Target = {
  name: 'proxy-header',
  run(input) {
    const whole = readProxyHeader(input);
    keepsToIt(input, readProxyHeader, ({ kind }) => kind === 'more');
    if (whole.kind !== 'header') return;
    if (whole.length > input.length) throw new Error('a header of more bytes than there are');
    if (whole.ends !== null) repeats(whole.ends, whole.version);
  },
};

export const clientHello: Target = {
  name: 'client-hello',
  run: (input) => keepsToIt(input, readHello, (read) => read === null),
};

export const requestLine: Target = {
  name: 'request-line',
  run: (input) => keepsToIt(input, readHttpProtocols, (read) => read === null),
};

/** Read piece by piece, the first answer that is none for more bytes is that of all of them. */
function keepsToIt<Read>(input: Buffer, read: (bytes: Buffer) => Read, wantsMore: (read: Read) => boolean): void {
  const last = JSON.stringify(read(input));
  const step = Math.max(1, input.length >> 4);
  for (let length = 1; length < input.length; length += step) {
    const early = read(input.subarray(0, length));
    if (wantsMore(early)) continue;
    if (JSON.stringify(early) !== last) throw new Error(`${JSON.stringify(early)} of ${length} bytes, ${last} of all`);
    return;
  }
}

type Ends = (ProxyHeaderRead & { kind: 'header' })['ends'] & object;

/** The addresses are some, and come back when they are written to an endpoint. */
function repeats({ source, destination }: Ends, version: 1 | 2): void {
  if (isIP(source.address) === 0 || isIP(destination.address) === 0) throw new Error('an address that is none');
  const downstream = { remote: source, local: destination, proxyTlvs: [] } as unknown as Downstream;
  const bytes = encodeProxyHeader({ version, added: [], passes: [] }, downstream);
  const again = readProxyHeader(bytes);
  const ends = again.kind === 'header' ? again.ends : null;
  if (JSON.stringify(ends) !== JSON.stringify({ source, destination })) throw new Error('decode(encode(x)) is not x');
}
