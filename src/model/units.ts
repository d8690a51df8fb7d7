// Brands for values that are easily confused. Each is made once, by its parser in a reader, and trusted afterwards.

declare const brand: unique symbol;
type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };

/** TCP port, 1-65535. */
export type Port = Brand<number, 'Port'>;
/** Duration in milliseconds, a finite number >= 0. */
export type Millis = Brand<number, 'Millis'>;
/** Lower-case DNS name without trailing dot; may begin with `*.` or be `*` where a pattern is allowed. */
export type Hostname = Brand<string, 'Hostname'>;
/** `spiffe://<trust-domain>/<path>` (SPIFFE ID specification, section 2). */
export type SpiffeId = Brand<string, 'SpiffeId'>;
/** Hundredths of a percent, 0-10000. */
export type BasisPoints = Brand<number, 'BasisPoints'>;

export function parsePort(value: unknown): Port | null {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65535 ? (value as Port) : null;
}

/** Trusts `value`; for literals and values computed from other units. */
export const millis = (value: number): Millis => value as Millis;

/** Trusts `value`; for literals and ports that the machine gave. */
export const port = (value: number): Port => value as Port;

const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** Accepts DNS names in any case, wildcards `*` and `*.suffix`, one trailing dot (RFC 1123, RFC 9499). */
export function parseHostname(value: unknown): Hostname | null {
  if (typeof value !== 'string' || value.length === 0 || value.length > 253) return null;
  const name = value.toLowerCase().replace(/\.$/, '');
  if (name === '*') return name as Hostname;
  const labels = (name.startsWith('*.') ? name.slice(2) : name).split('.');
  return labels.every((label) => LABEL.test(label)) ? (name as Hostname) : null;
}

const SPIFFE = /^spiffe:\/\/[a-z0-9._-]{1,255}(\/[A-Za-z0-9._-]+)*$/;

export function parseSpiffeId(value: unknown): SpiffeId | null {
  return typeof value === 'string' && value.length <= 2048 && SPIFFE.test(value) ? (value as SpiffeId) : null;
}

export function parseBasisPoints(percent: unknown): BasisPoints | null {
  return typeof percent === 'number' && percent >= 0 && percent <= 100
    ? (Math.round(percent * 100) as BasisPoints)
    : null;
}
