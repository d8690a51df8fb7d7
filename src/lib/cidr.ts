// Ranges of IP addresses, compiled to a test on the address as text.
import { BlockList, isIP, isIPv4, SocketAddress } from 'node:net';

export type AddressTest = (address: string) => boolean;

/** null: not an address or not a length that fits it. A missing length is the whole address. */
export function compileCidr(prefix: string, length?: number): AddressTest | null {
  const family = isIP(prefix);
  if (family === 0) return null;
  const bits = family === 4 ? 32 : 128;
  const wanted = length ?? bits;
  if (!Number.isInteger(wanted) || wanted < 0 || wanted > bits) return null;
  if (wanted === bits && family === 4) return (address) => unmapped(address) === prefix;
  const list = new BlockList();
  list.addSubnet(prefix, wanted, family === 4 ? 'ipv4' : 'ipv6');
  return (address) => {
    const plain = unmapped(address);
    return isIP(plain) === family && list.check(plain, isIPv4(plain) ? 'ipv4' : 'ipv6');
  };
}

/** The address with all but its first `bits` bits zero, in the usual short form; what is no address comes back as it is. */
export function maskAddress(address: string, bits: number): string {
  const plain = unmapped(address);
  if (isIPv4(plain)) {
    const number = plain.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
    const masked = bits === 0 ? 0 : Math.floor(number / 2 ** (32 - bits)) * 2 ** (32 - bits);
    return [24, 16, 8, 0].map((shift) => Math.floor(masked / 2 ** shift) % 256).join('.');
  }
  if (isIP(plain) === 0) return address;
  const groups = expand(plain).map((group, i) => {
    const kept = Math.min(Math.max(bits - i * 16, 0), 16);
    return (group & (0xffff << (16 - kept)) & 0xffff).toString(16);
  });
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}

/** Four or sixteen bytes, in the network's order; null: not an address. */
export function addressBytes(address: string): Buffer | null {
  const plain = unmapped(address);
  if (isIPv4(plain)) return Buffer.from(plain.split('.').map(Number));
  if (isIP(plain) === 0) return null;
  return Buffer.from(expand(plain).flatMap((group) => [group >> 8, group & 0xff]));
}

/** Eight groups of an IPv6 address. */
function expand(address: string): number[] {
  const [head = '', tail] = new SocketAddress({ address, family: 'ipv6' }).address.split('::');
  const numbers = (text: string) => (text === '' ? [] : text.split(':').flatMap(groupsOf));
  const [before, after] = [numbers(head), numbers(tail ?? '')];
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
}

/** One group, or two where the end is written as an IPv4 address. */
function groupsOf(text: string): number[] {
  if (!text.includes('.')) return [Number.parseInt(text, 16)];
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number);
  return [a * 256 + b, c * 256 + d];
}

/** Sockets of a dual-stack listener show IPv4 peers as `::ffff:a.b.c.d`. */
function unmapped(address: string): string {
  return address.startsWith('::ffff:') && isIPv4(address.slice(7)) ? address.slice(7) : address;
}
