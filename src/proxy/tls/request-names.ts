// Names that a request gives the handshake with its endpoint: `auto_sni` asks for its host, `auto_san_validation` demands a certificate for it.
import { isIP } from 'node:net';
import { ANYBODY, type Connector } from '../cluster/connector.ts';
import type { RequestNames } from '../config/tls-types.ts';
import type { Exchange } from '../http/exchange.ts';

/** Of a transport over `below`, which may have purposes of its own. */
export function purposeWith(names: RequestNames | null, below: Connector | null): Connector['purposeOf'] {
  const inner = below?.purposeOf;
  if (names === null) return inner;
  return (exchange) => {
    const purpose = inner?.(exchange) ?? ANYBODY;
    const host = hostOf(exchange, names.header);
    const serverName = names.asked && isIP(host) === 0 ? host : '';
    const hosts = names.verified && host !== '' ? [host] : purpose.hosts;
    return { ...purpose, key: `${serverName} ${hosts.join(' ')} ${purpose.key}`, serverName, hosts };
  };
}

/** In lower case, without a port; an IPv6 address without its brackets. */
function hostOf({ request }: Exchange, header: string): string {
  const given = (header === '' ? undefined : request.headers.get(header)) ?? request.authority;
  const [, six, name = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(given) ?? [];
  return (six ?? name).toLowerCase();
}
