// Times in logs: ISO 8601 by default, or a strftime-like format in UTC with %f (nanoseconds) and %1f…%9f (fractions).
import { ConfigError } from '../config/config-error.ts';

type Piece = string | ((date: Date) => string);

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

const SPECIFIERS: Readonly<Record<string, (date: Date) => string>> = {
  Y: (date) => String(date.getUTCFullYear()),
  y: (date) => two(date.getUTCFullYear() % 100),
  m: (date) => two(date.getUTCMonth() + 1),
  d: (date) => two(date.getUTCDate()),
  e: (date) => String(date.getUTCDate()).padStart(2),
  H: (date) => two(date.getUTCHours()),
  M: (date) => two(date.getUTCMinutes()),
  S: (date) => two(date.getUTCSeconds()),
  s: (date) => String(Math.floor(date.getTime() / 1000)),
  f: (date) => fraction(date, 9),
  b: (date) => MONTHS[date.getUTCMonth()]!,
  a: (date) => DAYS[date.getUTCDay()]!,
  F: (date) => date.toISOString().slice(0, 10),
  T: (date) => date.toISOString().slice(11, 19),
  z: () => '+0000',
  Z: () => 'UTC',
  '%': () => '%',
};

/** Takes milliseconds since the epoch. */
export function compileTime(format: string | null, path: string): (epoch: number) => string {
  if (format === null || format === '') return (epoch) => new Date(epoch).toISOString();
  const pieces = parseTime(format, path);
  return (epoch) => {
    const date = new Date(epoch);
    return pieces.map((piece) => (typeof piece === 'string' ? piece : piece(date))).join('');
  };
}

function parseTime(format: string, path: string): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const match of format.matchAll(/%(?:([1-9])f|(.?))/g)) {
    pieces.push(format.slice(end, match.index));
    end = match.index + match[0].length;
    const digits = match[1];
    const write = digits === undefined ? SPECIFIERS[match[2]!] : (date: Date) => fraction(date, Number(digits));
    if (write === undefined) throw new ConfigError(path, `time format ${match[0]} is not supported`);
    pieces.push(write);
  }
  pieces.push(format.slice(end));
  return pieces;
}

function fraction(date: Date, digits: number): string {
  return String(date.getUTCMilliseconds()).padStart(3, '0').padEnd(9, '0').slice(0, digits);
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}
