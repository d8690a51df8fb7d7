// BindConfig: the addresses that connections to endpoints come from, and what their sockets have before they connect.
import { isIP } from 'node:net';
import type {
  BindConfig,
  SocketAddress as SocketAddressMessage,
} from '../../xds/gen/envoy/config/core/v3/address_pb.ts';
import { decodeSocketAddress } from './address.ts';
import type { SocketAddress } from './cluster-types.ts';
import { at, ConfigError, mapAt } from './config-error.ts';
import { decodeFreebind, decodeOptions, type TimedOption } from './socket-options.ts';

export type Origin = {
  /** null leaves it to the system. */
  readonly address: SocketAddress | null;
  readonly options: readonly TimedOption[];
};

/** One of each family at most, as Envoy demands; [] leaves everything to the system. */
export function decodeOrigins(bind: BindConfig | undefined, path: string): readonly Origin[] {
  if (bind === undefined) return [];
  const [extra, field] = extraOrigins(bind);
  const here = at(path, field);
  const freebind = decodeFreebind(bind.freebind);
  const options = [...freebind, ...decodeOptions(bind.socketOptions, at(path, 'socket_options'))];
  if (bind.sourceAddress === undefined) {
    if (extra.length > 0) throw new ConfigError(here, 'is set without source_address');
    return options.length === 0 ? [] : [{ address: null, options }];
  }
  const first = { address: decodeSource(bind.sourceAddress, at(path, 'source_address')), options };
  const others = mapAt(extra, here, ({ address, socketOptions }, place): Origin & typeof first => ({
    address: decodeSource(address, at(place, 'address')),
    options:
      socketOptions === undefined
        ? options
        : [...freebind, ...decodeOptions(socketOptions.socketOptions, at(place, 'socket_options'))],
  }));
  const families = new Set([first, ...others].map(({ address }) => isIP(address.address)));
  if (others.length > 1 || families.size !== others.length + 1) {
    throw new ConfigError(here, 'must be one address, of the other family');
  }
  return [first, ...others];
}

type Extra = Pick<BindConfig['extraSourceAddresses'][number], 'address' | 'socketOptions'>;

/** The newer of the two fields that say it goes first. */
function extraOrigins(bind: BindConfig): readonly [extra: readonly Extra[], field: string] {
  const { extraSourceAddresses, additionalSourceAddresses: additional } = bind;
  if (extraSourceAddresses.length > 0 || additional.length === 0) {
    return [extraSourceAddresses, 'extra_source_addresses'];
  }
  return [additional.map((address) => ({ address })), 'additional_source_addresses'];
}

function decodeSource(value: SocketAddressMessage | undefined, path: string): SocketAddress {
  if (value === undefined) throw new ConfigError(path, 'is required');
  const address = decodeSocketAddress(value, path);
  if (isIP(address.address) === 0) throw new ConfigError(path, `${address.address} is no IP address`);
  return address;
}
