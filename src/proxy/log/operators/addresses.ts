// Who spoke to whom: ends of the downstream and the upstream connection.
import { isIP } from 'node:net';
import { ConfigError } from '../../config/config-error.ts';
import type { Exchange, SocketName } from '../../http/exchange.ts';
import { clientOf, nameOf } from '../../http/socket-name.ts';
import { filled, type Operator, type OperatorCompiler, type Operators, plain } from './operator.ts';

type End = (exchange: Exchange) => SocketName | undefined;

const direct: End = ({ downstream }) => downstream.directRemote;
const local: End = ({ downstream }) => downstream.local;
/** Of a connection: an endpoint that could not be reached has none. */
const upstreamRemote: End = ({ endpoint, upstream }) => (upstream === null ? undefined : (endpoint ?? undefined));
const upstreamLocal: End = ({ upstream }) => upstream?.local;

export const addresses: Operators = {
  ...named('DOWNSTREAM_REMOTE', clientOf),
  ...named('DOWNSTREAM_DIRECT_REMOTE', direct),
  ...named('DOWNSTREAM_LOCAL', local),
  ...named('DOWNSTREAM_DIRECT_LOCAL', local),
  ...named('UPSTREAM_REMOTE', upstreamRemote),
  ...named('UPSTREAM_LOCAL', upstreamLocal),
  ...plain({
    UPSTREAM_HOST: ({ endpoint }) => endpoint?.name,
    UPSTREAM_HOST_NAME: ({ endpoint }) =>
      endpoint === null ? undefined : (filled(endpoint.hostname) ?? endpoint.name),
    UPSTREAM_HOST_NAME_WITHOUT_PORT: ({ endpoint }) =>
      endpoint === null ? undefined : (filled(endpoint.hostname) ?? endpoint.address),
    // Only addresses inside a proxy have one.
    DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID: () => '',
    DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID: () => '',
    UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID: ({ upstream }) => (upstream === null ? undefined : ''),
    CONNECTION_ID: ({ downstream }) => downstream.id,
  }),
};

function named(prefix: string, end: End): Operators {
  const address: Operator = (exchange) => {
    const found = end(exchange);
    return found && nameOf(found);
  };
  return {
    ...plain({ [`${prefix}_ADDRESS`]: address, [`${prefix}_PORT`]: (exchange) => end(exchange)?.port }),
    [`${prefix}_ADDRESS_WITHOUT_PORT`]: withoutPort(end),
  };
}

/** The parameter is a prefix length: the range the address is in. */
function withoutPort(end: End): OperatorCompiler {
  return (parameter, path) => {
    if (parameter === null) return (exchange) => end(exchange)?.address;
    const bits = Number(parameter);
    if (!/^\d{1,3}$/.test(parameter) || bits > 128) throw new ConfigError(path, `${parameter} is no prefix length`);
    return (exchange) => {
      const found = end(exchange);
      return found && masked(found.address, bits);
    };
  };
}

/** `10.1.2.3` and 16 is `10.1.0.0/16`; undefined when the address has fewer bits. */
function masked(address: string, bits: number): string | undefined {
  const family = isIP(address);
  if (family === 4) {
    if (bits > 32) return undefined;
    const octets = address
      .split('.')
      .map((octet, i) => Number(octet) & (0xff00 >> Math.min(8, Math.max(0, bits - i * 8))));
    return `${octets.map((octet) => octet & 0xff).join('.')}/${bits}`;
  }
  if (family !== 6) return undefined;
  const groups = expanded(address).map(
    (group, i) => group & ((0xffff0000 >> Math.min(16, Math.max(0, bits - i * 16))) & 0xffff),
  );
  const text = new URL(`http://[${groups.map((group) => group.toString(16)).join(':')}]`).hostname.slice(1, -1);
  return `${text}/${bits}`;
}

/** The eight groups of an IPv6 address. */
function expanded(address: string): number[] {
  const hex = new URL(`http://[${address.replace(/%.*$/, '')}]`).hostname.slice(1, -1);
  const [left = '', right] = hex.split('::');
  const of = (part: string | undefined) => (part ? part.split(':').map((group) => Number.parseInt(group, 16)) : []);
  const [head, tail] = [of(left), of(right)];
  return right === undefined ? head : [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}
