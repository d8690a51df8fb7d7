// An OCSP response (RFC 6960) that a server staples to its handshakes: which certificate it is about, and how long it holds. Its signature is its
// client's to verify.
import { X509Certificate } from 'node:crypto';
import { extensionOf } from '../../lib/certificate-fields.ts';
import { type DerElement, derChildren, derElements, derTag } from '../../lib/der.ts';

export type Staple = {
  readonly serial: bigint;
  /** Milliseconds since the epoch; one that says no time holds no longer. */
  readonly expires: number;
};

const BASIC_RESPONSE = '2b0601050507300101';
const TLS_FEATURE = '2b06010505070118';
const STATUS_REQUEST = 5;

/** A string says why it is none. */
export function readStaple(bytes: Buffer): Staple | string {
  const [status, body] = derChildren(derElements(bytes)?.[0]);
  if (status?.tag !== derTag.enumerated) return 'is no OCSP response';
  if (status.body.length !== 1 || status.body[0] !== 0) return 'is an OCSP response of a failure';
  const [type, basic] = derChildren(derChildren(body)[0]);
  if (type?.body.toString('hex') !== BASIC_RESPONSE || basic === undefined) return 'is no basic OCSP response';
  const data = derChildren(derChildren(derElements(basic.body)?.[0])[0]);
  const responses = derChildren(data.find(({ tag }) => tag === derTag.sequence));
  if (responses.length !== 1) return 'must be about one certificate';
  const [about, , , nextUpdate] = derChildren(responses[0]);
  const serial = derChildren(about)[3];
  if (serial?.tag !== derTag.integer) return 'names no certificate';
  return {
    serial: BigInt(`0x${serial.body.toString('hex')}`),
    expires: nextUpdate?.tag === derTag.context(0) ? timeOf(derChildren(nextUpdate)[0]) : Number.NEGATIVE_INFINITY,
  };
}

/** A string says why it does not belong to the first of `chain`. */
export function readStapleOf(chain: string, bytes: Buffer): Staple | string {
  const staple = readStaple(bytes);
  if (typeof staple === 'string') return staple;
  const own = certificateOf(chain);
  if (own === null) return 'belongs to a certificate that cannot be read';
  return staple.serial === BigInt(`0x${own.serialNumber}`) ? staple : 'is about another certificate';
}

/** Whether a certificate says that it comes with a staple only (RFC 7633). */
export function mustBeStapled(certificate: Buffer): boolean {
  const features = derChildren(derElements(extensionOf(certificate, TLS_FEATURE) ?? NOTHING)?.[0]);
  return features.some(({ body }) => body.length === 1 && body[0] === STATUS_REQUEST);
}

/** null: what a context says of it when it is made says more. */
export function certificateOf(chain: string): X509Certificate | null {
  try {
    return new X509Certificate(chain);
  } catch {
    return null;
  }
}

const NOTHING = Buffer.alloc(0);

/** GeneralizedTime as RFC 5280 has it: `YYYYMMDDHHMMSSZ`. */
function timeOf(element: DerElement | undefined): number {
  const text = element?.tag === derTag.generalizedTime ? element.body.toString('latin1') : '';
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (parts === null) return Number.NEGATIVE_INFINITY;
  const [year, month, day, hour, minute, second] = parts.slice(1).map(Number);
  return Date.UTC(year!, month! - 1, day, hour, minute, second);
}
