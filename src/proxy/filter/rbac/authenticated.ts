// A peer with a verified certificate, and the names in it.
import { alternativeNames, parseCertificate } from '../../../lib/certificate.ts';
import type { TypedExtensionConfig } from '../../../xds/gen/envoy/config/core/v3/extension_pb.ts';
import type { Principal_Authenticated } from '../../../xds/gen/envoy/config/rbac/v3/rbac_pb.ts';
import { ConfigSchema as MtlsSchema } from '../../../xds/gen/envoy/extensions/rbac/principals/mtls_authenticated/v3/mtls_authenticated_pb.ts';
import { unpack } from '../../config/any.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import type { SanType } from '../../config/tls-types.ts';
import { decodeSan } from '../../config/tls-validation.ts';
import type { PeerTls } from '../../http/exchange.ts';
import { compileString } from '../../route/match/string-matcher.ts';
import type { ExchangeTest } from './permission.ts';

/** URI SANs first, then DNS SANs, then the subject. Without a name, any peer that showed a verified certificate. */
export function compileAuthenticated({ principalName }: Principal_Authenticated, path: string): ExchangeTest {
  if (principalName === undefined) return ({ downstream: { tls } }) => tls !== null && showedCertificate(tls);
  const test = compileString(principalName, at(path, 'principal_name'));
  return ({ downstream: { tls } }) =>
    tls !== null &&
    showedCertificate(tls) &&
    (tls.uriSans.some((san) => test(san)) || tls.dnsSans.some((san) => test(san)) || test(tls.subject));
}

/** `envoy.rbac.principals.mtls_authenticated`: with a matcher, one alternative name of its type must match. */
export function compileCustom({ typedConfig }: TypedExtensionConfig, path: string): ExchangeTest {
  const here = at(path, 'typed_config');
  const { sanMatcher, anyValidatedClientCertificate } = unpack(typedConfig, MtlsSchema, here);
  if (sanMatcher === undefined) {
    if (!anyValidatedClientCertificate) throw new ConfigError(here, 'asks for nothing');
    return ({ downstream: { tls } }) => tls !== null && showedCertificate(tls);
  }
  const { type, matches } = decodeSan(sanMatcher, at(here, 'san_matcher'));
  return ({ downstream: { tls } }) => tls !== null && namesOf(tls, type).some((name) => matches(name));
}

function namesOf({ uriSans, dnsSans, certificate }: PeerTls, type: SanType): readonly string[] {
  if (type === 'uri') return uriSans;
  if (type === 'dns') return dnsSans;
  return certificate === null ? [] : alternativeNames(parseCertificate(certificate), type);
}

function showedCertificate(tls: PeerTls): boolean {
  return tls.fingerprint !== '' || tls.uriSans.length > 0 || tls.dnsSans.length > 0 || tls.subject !== '';
}
