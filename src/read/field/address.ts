// IP addresses and CIDR ranges as policies name them, in one canonical spelling.
import { bad, good, type Parser, refine, show } from './parser.ts';
import { text } from './values.ts';

/** Accepts an address or a range; gives a range (`10.1.2.3` is `10.1.2.3/32`). */
export const cidr: Parser<string> = refine(text, (value) => {
  const [address = '', prefix, rest] = value.split('/');
  const bits = addressBits(address);
  const length = prefix === undefined ? bits : /^\d{1,3}$/.test(prefix) ? Number(prefix) : null;
  if (bits === null || length === null || length > bits || rest !== undefined) {
    return bad(`${show(value)} is not an IP range`, 'as in 10.0.0.0/8 or 192.0.2.7');
  }
  return good(`${address.toLowerCase()}/${length}`);
});

const IPV4_PART = /^(0|[1-9]\d{0,2})$/;
const IPV6_GROUP = /^[0-9a-fA-F]{1,4}$/;

function addressBits(address: string): 32 | 128 | null {
  if (isIpv4(address)) return 32;
  return isIpv6(address) ? 128 : null;
}

function isIpv4(address: string): boolean {
  const parts = address.split('.');
  return parts.length === 4 && parts.every((part) => IPV4_PART.test(part) && Number(part) <= 255);
}

/** RFC 4291 section 2.2: eight groups, one run of them may be `::`, the last two may be an IPv4 address. */
function isIpv6(address: string): boolean {
  const halves = address.split('::');
  if (halves.length > 2 || address === '') return false;
  let groups = 0;
  for (const [index, half] of halves.entries()) {
    const parts = half === '' ? [] : half.split(':');
    const last = parts.at(-1);
    if (index === halves.length - 1 && last !== undefined && isIpv4(last)) {
      parts.pop();
      groups += 2;
    }
    if (!parts.every((part) => IPV6_GROUP.test(part))) return false;
    groups += parts.length;
  }
  return halves.length === 2 ? groups <= 7 : groups === 8;
}
