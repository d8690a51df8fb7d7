// Times in logs: ISO 8601 by default, or a strftime-like format. Fractions of a second are %f (nanoseconds), %1f…%9f (cut) and %E3S (with the seconds).
import { ConfigError } from '../../config/config-error.ts';

export type Zone = 'utc' | 'local';

/** `date` is shifted so that its UTC fields are those of the zone. */
type Moment = { readonly epoch: number; readonly date: Date; readonly offset: number };
type Piece = string | ((moment: Moment) => string);

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

const SPECIFIERS: Readonly<Record<string, (moment: Moment) => string>> = {
  Y: ({ date }) => String(date.getUTCFullYear()),
  y: ({ date }) => two(date.getUTCFullYear() % 100),
  m: ({ date }) => two(date.getUTCMonth() + 1),
  d: ({ date }) => two(date.getUTCDate()),
  e: ({ date }) => String(date.getUTCDate()).padStart(2),
  H: ({ date }) => two(date.getUTCHours()),
  I: ({ date }) => two(date.getUTCHours() % 12 || 12),
  M: ({ date }) => two(date.getUTCMinutes()),
  S: ({ date }) => two(date.getUTCSeconds()),
  p: ({ date }) => (date.getUTCHours() < 12 ? 'AM' : 'PM'),
  s: ({ epoch }) => String(Math.floor(epoch / 1000)),
  f: (moment) => fraction(moment, 9),
  b: ({ date }) => MONTHS[date.getUTCMonth()]!,
  a: ({ date }) => DAYS[date.getUTCDay()]!,
  F: ({ date }) => date.toISOString().slice(0, 10),
  T: ({ date }) => date.toISOString().slice(11, 19),
  R: ({ date }) => date.toISOString().slice(11, 16),
  z: ({ offset }) => `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`,
  Z: ({ date, offset }) => (offset === 0 ? 'UTC' : zoneName(date)),
  '%': () => '%',
};

/** The result takes milliseconds since the epoch, with fractions. */
export function compileTime(format: string | null, path: string, zone: Zone): (epoch: number) => string {
  const pieces = format === null || format === '' ? null : parseTime(format, path);
  if (pieces === null && zone === 'utc') return (epoch) => new Date(epoch).toISOString();
  const parts = pieces ?? parseTime('%Y-%m-%dT%H:%M:%S.%3f%z', path);
  return (epoch) => {
    const offset = zone === 'utc' ? 0 : -new Date(epoch).getTimezoneOffset();
    const moment = { epoch, date: new Date(epoch + offset * 60_000), offset };
    return parts.map((piece) => (typeof piece === 'string' ? piece : piece(moment))).join('');
  };
}

function parseTime(format: string, path: string): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const match of format.matchAll(/%(?:([1-9])f|E([1-9])S|(.?))/g)) {
    pieces.push(format.slice(end, match.index));
    end = match.index + match[0].length;
    const [, digits, withSeconds, name] = match;
    if (digits !== undefined) pieces.push((moment) => fraction(moment, Number(digits)));
    else if (withSeconds !== undefined) {
      pieces.push((moment) => `${two(moment.date.getUTCSeconds())}.${fraction(moment, Number(withSeconds))}`);
    } else {
      const write = Object.hasOwn(SPECIFIERS, name!) ? SPECIFIERS[name!] : undefined;
      if (write === undefined) throw new ConfigError(path, `time format ${match[0]} is not supported`);
      pieces.push(write);
    }
  }
  pieces.push(format.slice(end));
  return pieces;
}

function fraction({ epoch }: Moment, digits: number): string {
  const nanoseconds = Math.floor((epoch % 1000) * 1_000_000);
  return String(nanoseconds).padStart(9, '0').slice(0, digits);
}

function zoneName(date: Date): string {
  const parts = new Intl.DateTimeFormat('en', { timeZoneName: 'short' }).formatToParts(date);
  return parts.find(({ type }) => type === 'timeZoneName')?.value ?? '';
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}
