// Addresses of listeners and endpoints: TCP, with a port number.
import { type Address, SocketAddress_Protocol } from '../../xds/gen/envoy/config/core/v3/address_pb.ts';
import { at, ConfigError } from './config-error.ts';

export function socketAddress(address: Address | undefined, path: string): { address: string; port: number } {
  if (address?.address.case !== 'socketAddress') throw new ConfigError(path, 'is no socket_address');
  const here = at(path, 'socket_address');
  const { protocol, address: host, portSpecifier } = address.address.value;
  if (protocol !== SocketAddress_Protocol.TCP) throw new ConfigError(at(here, 'protocol'), 'is not TCP');
  if (host === '') throw new ConfigError(at(here, 'address'), 'is empty');
  const port = portSpecifier.case === 'portValue' ? portSpecifier.value : -1;
  if (port < 0 || port > 65535) throw new ConfigError(at(here, 'port_value'), 'is no port');
  return { address: host, port };
}
