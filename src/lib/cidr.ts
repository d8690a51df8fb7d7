// Ranges of IP addresses, compiled to a test on the address as text.
import { BlockList, isIP, isIPv4 } from 'node:net';

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
    return isIP(plain) !== 0 && list.check(plain, isIPv4(plain) ? 'ipv4' : 'ipv6');
  };
}

/** Sockets of a dual-stack listener show IPv4 peers as `::ffff:a.b.c.d`. */
function unmapped(address: string): string {
  return address.startsWith('::ffff:') && isIPv4(address.slice(7)) ? address.slice(7) : address;
}
