// Addresses of sockets. Internal addresses are for neither listeners nor endpoints here.
import { resolve } from 'node:path';
import { type AddressTest, compileCidr } from '../../lib/cidr.ts';
import {
  type Address,
  type CidrRange,
  type SocketAddress,
  SocketAddress_Protocol,
} from '../../xds/gen/envoy/config/core/v3/address_pb.ts';
import { at, ConfigError, mapAt } from './config-error.ts';

export function decodeAddress(
  address: Address | undefined,
  path: string,
): { readonly address: string; readonly port: number } {
  if (address?.address.case !== 'socketAddress') throw new ConfigError(path, 'has no socket_address');
  return decodeSocketAddress(address.address.value, at(path, 'socket_address'));
}

export function decodeSocketAddress(
  socket: SocketAddress,
  here: string,
): { readonly address: string; readonly port: number } {
  if (socket.protocol !== SocketAddress_Protocol.TCP) throw new ConfigError(at(here, 'protocol'), 'must be TCP');
  if (socket.address === '') throw new ConfigError(at(here, 'address'), 'is empty');
  const port = socket.portSpecifier.case === 'portValue' ? socket.portSpecifier.value : null;
  if (port === null) throw new ConfigError(at(here, 'port_value'), 'is required');
  if (port > 65_535) throw new ConfigError(at(here, 'port_value'), `${port} is not a port (hint: 0-65535)`);
  return { address: socket.address, port };
}

/** Also the path of a Unix socket, with port 0; a relative one is within the folder the process was started in. */
export function decodeSocketOrPipe(
  address: Address | undefined,
  path: string,
): { readonly address: string; readonly port: number } {
  if (address?.address.case !== 'pipe') return decodeAddress(address, path);
  const { path: file } = address.address.value;
  const here = at(path, 'pipe.path');
  if (file === '') throw new ConfigError(here, 'is empty');
  if (file.startsWith('@')) throw new ConfigError(here, 'abstract sockets are not supported');
  return { address: resolve(file), port: 0 };
}

/** What is in any of them. */
export function decodeRanges(ranges: readonly CidrRange[], path: string): AddressTest {
  const tests = mapAt(ranges, path, ({ addressPrefix, prefixLen }, here) => {
    const test = compileCidr(addressPrefix, prefixLen ?? 0);
    if (test === null) throw new ConfigError(here, 'is no range of addresses');
    return test;
  });
  return (address) => tests.some((test) => test(address));
}
