// What the addresses in answers, and errors, mean to whoever asked.
import type { DnsFamily } from '../config/dns.ts';

/** There is no such name, or it has no address. */
export function isAbsence(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOTFOUND' || error.code === 'ENODATA');
}

/** Which of the two kinds of addresses are wanted, and in what order. */
export function choose<Address>(four: readonly Address[], six: readonly Address[], family: DnsFamily): Address[] {
  switch (family) {
    case 'v4':
      return [...four];
    case 'v6':
      return [...six];
    case 'auto':
      return six.length > 0 ? [...six] : [...four];
    case 'v4-preferred':
      return four.length > 0 ? [...four] : [...six];
    default:
      return interleave(six, four);
  }
}

/** One of each kind in turn, the first kind first (RFC 8305, section 4). */
function interleave<Address>(first: readonly Address[], second: readonly Address[]): Address[] {
  const length = Math.max(first.length, second.length);
  return Array.from({ length }, (_, i) => [...first.slice(i, i + 1), ...second.slice(i, i + 1)]).flat();
}
