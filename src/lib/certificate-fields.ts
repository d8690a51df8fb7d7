// What Node does not tell of certificates (RFC 5280 section 4.1): which kind of key they hold, and what it may be used for.
import { type DerElement, derChildren, derElements, derTag } from './der.ts';

/** Object identifiers as hexadecimal. */
const KEY_USAGE = '551d0f';
const EC_KEY = '2a8648ce3d0201';
/** The first bit (4.2.1.3). */
const DIGITAL_SIGNATURE = 0x80;

/** The kind of key of a certificate (DER): of keys on curves the curve, otherwise the algorithm, as an object identifier; '' if it cannot be read. */
export function keyKindOf(certificate: Buffer): string {
  const fields = fieldsOf(certificate);
  const versioned = fields[0]?.tag === derTag.context(0) ? 1 : 0;
  const [algorithm, parameters] = derChildren(derChildren(fields[versioned + KEY])[0]);
  const kind = algorithm?.body.toString('hex') ?? '';
  return kind === EC_KEY ? (parameters?.body.toString('hex') ?? '') : kind;
}

/** After the version: serial number, signature, issuer, validity, subject. */
const KEY = 5;

/** Whether a certificate (DER) lets its key sign what TLS signs; one that says nothing does. */
export function maySign(certificate: Buffer): boolean {
  const usage = extensionOf(certificate, KEY_USAGE);
  if (usage === null) return true;
  const [bits] = derElements(usage) ?? [];
  return bits?.tag === derTag.bitString && ((bits.body[1] ?? 0) & DIGITAL_SIGNATURE) !== 0;
}

/** The value of an extension of a certificate (DER); null: it has none. */
export function extensionOf(certificate: Buffer, identifier: string): Buffer | null {
  const extensions = derChildren(derChildren(fieldsOf(certificate).find(({ tag }) => tag === derTag.context(3)))[0]);
  for (const extension of extensions) {
    const [type, ...rest] = derChildren(extension);
    if (type?.body.toString('hex') === identifier) return rest.at(-1)?.body ?? null;
  }
  return null;
}

function fieldsOf(certificate: Buffer): readonly DerElement[] {
  return derChildren(derChildren(derElements(certificate)?.[0])[0]);
}
