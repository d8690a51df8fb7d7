// The filter envoy.filters.http.credential_injector.
import type { Any } from '@bufbuild/protobuf/wkt';
import {
  type CredentialInjector,
  CredentialInjectorSchema,
} from '../../../xds/gen/envoy/extensions/filters/http/credential_injector/v3/credential_injector_pb.ts';
import { GenericSchema } from '../../../xds/gen/envoy/extensions/http/injected_credentials/generic/v3/generic_pb.ts';
import { typeNameOf, unsupportedType } from '../../config/any.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import { compiler, type FilterKind, perScope } from '../define.ts';
import type { HttpFilter, LocalReply } from '../filter.ts';
import type { Credential } from './credential.ts';
import { compileGeneric } from './generic.ts';

class InjectorStats {
  injected = 0;
  failed = 0;
  already_exists = 0;
}

const refusal: LocalReply = {
  status: 401,
  body: 'Failed to inject credential.',
  details: 'failed_to_inject_credential',
  flags: 0,
  headers: null,
};

export const credentialInjector: FilterKind = {
  chain: compiler(CredentialInjectorSchema, createInjector),
  route: null,
};

function createInjector(config: CredentialInjector, name: string, path: string): HttpFilter {
  const { overwrite, allowRequestWithoutCredential: optional } = config;
  const credential = compileCredential(config, at(path, 'credential'));
  const { header } = credential;
  const statsOf = perScope((scope) => scope.stats(`${scope.prefix}credential_injector`, () => new InjectorStats()));
  return {
    name,
    secrets: credential.secrets,
    request({ request }, scope) {
      const stats = statsOf(scope);
      if (!overwrite && request.headers.get(header) !== undefined) {
        stats.already_exists += 1;
        return undefined;
      }
      const value = credential.value(scope);
      if (value === '') {
        stats.failed += 1;
        return optional ? undefined : refusal;
      }
      request.headers.set(header, value);
      stats.injected += 1;
      return undefined;
    },
  };
}

function compileCredential({ credential }: CredentialInjector, path: string): Credential {
  const here = at(path, 'typed_config');
  const config: Any | undefined = credential?.typedConfig;
  if (config === undefined) throw new ConfigError(here, 'is required');
  if (typeNameOf(config) !== GenericSchema.typeName) throw unsupportedType(config, here);
  return compileGeneric(config, here);
}
