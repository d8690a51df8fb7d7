// Options of sockets that Node has no call for, and sockets that have them before they are bound. Numbers are those of Linux.
import { rmSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import { addressBytes } from '../../lib/cidr.ts';
import { lastError, libcFunction } from './libc.ts';

export type SocketOption = { readonly level: number; readonly name: number; readonly value: Buffer };

export const SOL_SOCKET = 1;
export const SOL_IP = 0;
export const SOL_IPV6 = 41;
export const SOL_TCP = 6;

const SO_REUSEADDR = 2;
const SO_REUSEPORT = 15;
const IPV6_V6ONLY = 26;
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
/** SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC. */
const STREAM = 1 | 0x800 | 0x80000;

type Call = (...values: never[]) => number;
type Calls = {
  socket(family: number, type: number, protocol: number): number;
  setsockopt(fd: number, level: number, name: number, value: Buffer, length: number): number;
  bind(fd: number, address: Buffer, length: number): number;
  dup(fd: number): number;
  close(fd: number): number;
};

const PROTOTYPES: Readonly<Record<keyof Calls, string>> = {
  socket: 'int socket(int family, int type, int protocol)',
  setsockopt: 'int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)',
  bind: 'int bind(int fd, const uint8_t *address, uint32_t length)',
  dup: 'int dup(int fd)',
  close: 'int close(int fd)',
};

let calls: Calls | null | undefined;

export function intOption(level: number, name: number, value: number): SocketOption {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return { level, name, value: bytes };
}

/** Of anything with a handle: a socket, a server. @throws where the system refuses it, or has no such call. */
export function setSocketOptions(owner: object, options: readonly SocketOption[]): void {
  if (options.length === 0) return;
  const fd = descriptorOf(owner);
  for (const option of options) set(libc(), fd, option);
}

/** Of anything with a handle. @throws where it has none any more. */
export function descriptorOf(owner: object): number {
  const fd = (owner as { _handle?: { readonly fd?: number } | null })._handle?.fd;
  if (fd === undefined || fd < 0) throw new Error('the socket has no descriptor');
  return fd;
}

/** Another descriptor of the same socket. @throws where the system has no more. */
export function duplicate(fd: number): number {
  return check(libc().dup(fd));
}

export function closeSocket(fd: number): void {
  libc().close(fd);
}

/** Of `bindSocket`: the address is free again, though those who have the socket too go on accepting. */
export function releaseSocket({ address }: { readonly address: string }, fd: number): void {
  if (address.startsWith('/')) rmSync(address, { force: true });
  closeSocket(fd);
}

/** A descriptor for `listen`; an address that begins with a slash is the path of a Unix socket. @throws as `bind` would, and where an option is refused. */
export function bindSocket(
  { address, port }: { readonly address: string; readonly port: number },
  options: readonly SocketOption[],
  { reusePort, ipv6Only }: { readonly reusePort: boolean; readonly ipv6Only: boolean },
): number {
  const name = socketAddress(address, port);
  const family = name.readUInt16LE(0);
  return prepare(libc(), family, name, [
    ...(family === AF_UNIX ? [] : [intOption(SOL_SOCKET, SO_REUSEADDR, 1)]),
    ...(reusePort ? [intOption(SOL_SOCKET, SO_REUSEPORT, 1)] : []),
    ...(family === AF_INET6 ? [intOption(SOL_IPV6, IPV6_V6ONLY, ipv6Only ? 1 : 0)] : []),
    ...options,
  ]);
}

/** A descriptor for `connect`; `from`: null leaves it to the system. @throws as `bind` would, and where an option is refused. */
export function openSocket(
  family: 4 | 6,
  options: readonly SocketOption[],
  from: { readonly address: string; readonly port: number } | null,
): number {
  const name = from === null ? null : socketAddress(from.address, from.port);
  return prepare(libc(), name?.readUInt16LE(0) ?? (family === 6 ? AF_INET6 : AF_INET), name, options);
}

function prepare(call: Calls, family: number, name: Buffer | null, options: readonly SocketOption[]): number {
  const fd = check(call.socket(family, STREAM, 0));
  try {
    for (const option of options) set(call, fd, option);
    if (name !== null) check(call.bind(fd, name, name.length));
  } catch (error) {
    call.close(fd);
    throw error;
  }
  return fd;
}

function set(call: Calls, fd: number, { level, name, value }: SocketOption): void {
  try {
    check(call.setsockopt(fd, level, name, value, value.length));
  } catch (cause) {
    throw Object.assign(new Error(`socket option ${name} of level ${level}: ${String(cause)}`, { cause }), {
      code: 'ESOCKOPT',
    });
  }
}

/** struct sockaddr_in, sockaddr_in6 and sockaddr_un: family in the machine's order, port in the network's. */
function socketAddress(address: string, port: number): Buffer {
  if (address.startsWith('/')) {
    const name = Buffer.from(`\0\0${address}\0`);
    name.writeUInt16LE(AF_UNIX);
    return name;
  }
  const bytes = addressBytes(address);
  if (bytes === null) throw new Error(`${address} is no IP address`);
  const six = bytes.length === 16;
  const name = Buffer.alloc(six ? 28 : 16);
  name.writeUInt16LE(six ? AF_INET6 : AF_INET);
  name.writeUInt16BE(port, 2);
  bytes.copy(name, six ? 8 : 4);
  return name;
}

function check(result: number): number {
  if (result >= 0) return result;
  const code = getSystemErrorName(-lastError());
  throw Object.assign(new Error(code), { code });
}

function libc(): Calls {
  if (calls === undefined) {
    const entries = Object.entries(PROTOTYPES).map(
      ([name, prototype]) => [name, libcFunction<Call>(prototype)] as const,
    );
    calls = entries.some(([, call]) => call === null) ? null : (Object.fromEntries(entries) as unknown as Calls);
  }
  if (calls === null) throw new Error('socket options need Linux with GNU’s C library');
  return calls;
}
