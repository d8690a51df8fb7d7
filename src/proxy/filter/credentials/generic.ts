// A credential that is a secret as it stands.
import type { Any } from '@bufbuild/protobuf/wkt';
import { GenericSchema } from '../../../xds/gen/envoy/extensions/http/injected_credentials/generic/v3/generic_pb.ts';
import { unpack } from '../../config/any.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import { decodeSecretRef } from '../../config/secret.ts';
import { bytesOf } from '../../route/match/string-matcher.ts';
import type { Credential } from './credential.ts';

/** Throws ConfigError. */
export function compileGeneric(config: Any, path: string): Credential {
  const { credential, header, headerValuePrefix } = unpack(config, GenericSchema, path);
  if (credential === undefined) throw new ConfigError(at(path, 'credential'), 'is required');
  const ref = decodeSecretRef(credential, at(path, 'credential'));
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]*$/.test(header)) throw new ConfigError(at(path, 'header'), 'is not a header name');
  const prefix = bytesOf(headerValuePrefix);
  let last = '';
  let shown = '';
  return {
    header: header.toLowerCase() || 'authorization',
    secrets: [ref],
    value(scope) {
      const secret = scope.secret(ref);
      if (secret !== last) {
        last = secret;
        shown = shownAs(secret, prefix);
      }
      return shown;
    },
  };
}

/** Files end with a line's end, which no header may hold; what holds another is no credential. */
function shownAs(secret: string, prefix: string): string {
  const value = secret.replace(/[\r\n]+$/, '');
  return value === '' || /[\0\r\n]/.test(value) ? '' : prefix + value;
}
