// What a request gives the handshake with its endpoint: `auto_sni` asks for its host, `auto_san_validation` demands a certificate for it, and a filter
// may have said which protocols are offered.
import { isIP } from 'node:net';
import { ANYBODY, type Connector, type Purpose } from '../cluster/connector.ts';
import type { RequestNames } from '../config/tls-types.ts';
import type { Exchange } from '../http/exchange.ts';

/** Of a transport over `below`, which may have purposes of its own. */
export function purposeWith(names: RequestNames | null, below: Connector | null): (exchange: Exchange) => Purpose {
  const inner = below?.purposeOf;
  return (exchange) => {
    const purpose = inner?.(exchange) ?? ANYBODY;
    const named = names === null ? purpose : withNames(purpose, names, exchange);
    return exchange.upstreamAlpn === null ? named : withAlpn(named, exchange.upstreamAlpn);
  };
}

function withNames(purpose: Purpose, names: RequestNames, exchange: Exchange): Purpose {
  const host = hostOf(exchange, names.header);
  const serverName = names.asked && isIP(host) === 0 ? host : '';
  const hosts = names.verified && host !== '' ? [host] : purpose.hosts;
  return { ...purpose, key: `${serverName} ${hosts.join(' ')} ${purpose.key}`, serverName, hosts };
}

/** Those of connections for anybody, by the list that a filter has compiled. */
const offers = new WeakMap<readonly string[], Purpose>();

function withAlpn(purpose: Purpose, alpn: readonly string[]): Purpose {
  const known = purpose === ANYBODY ? offers.get(alpn) : undefined;
  if (known !== undefined) return known;
  const made = { ...purpose, key: `${alpn.join()} ${purpose.key}`, alpn };
  if (purpose === ANYBODY) offers.set(alpn, made);
  return made;
}

/** In lower case, without a port; an IPv6 address without its brackets. */
function hostOf({ request }: Exchange, header: string): string {
  const given = (header === '' ? undefined : request.headers.get(header)) ?? request.authority;
  const [, six, name = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(given) ?? [];
  return (six ?? name).toLowerCase();
}
