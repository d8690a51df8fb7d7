// The name check after the chain was verified: one of the peer's SANs must be one the configuration accepts.
import type { ValidationConfig } from '../config/types.ts';
import type { SubjectAltName } from './peer.ts';

export function acceptsName(sans: ValidationConfig['sans'], names: readonly SubjectAltName[]): boolean {
  if (sans.length === 0) return true;
  return sans.some((wanted) =>
    names.some(({ type, value }) => (wanted.type === 'any' || wanted.type === type) && wanted.matches(value)),
  );
}
