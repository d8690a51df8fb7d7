// envoy.filters.network.ext_authz: an authorization server (envoy.service.auth.v3) is asked about a connection. As with RBAC it is asked when the
// connection is ready, where Envoy waits for the first byte: who is denied learns nothing from servers that speak first.
import { create } from '@bufbuild/protobuf';
import { ApiVersion } from '../../xds/gen/envoy/config/core/v3/config_source_pb.ts';
import type { ExtAuthz } from '../../xds/gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.ts';
import {
  Authorization,
  type CheckRequest,
  CheckRequestSchema,
  type CheckResponse,
} from '../../xds/gen/envoy/service/auth/v3/external_auth_pb.ts';
import { at, ConfigError } from '../config/config-error.ts';
import { decodeUnaryService } from '../config/grpc-service.ts';
import { destinationOf, sourceOf } from '../filter/ext-authz/peers.ts';
import type { Exchange } from '../http/exchange.ts';
import { flag } from '../http/flags.ts';
import { compileMetadata } from '../route/match/metadata-matcher.ts';
import type { NetworkFilter, Refusal } from './filter.ts';

/** `ext_authz.<stat_prefix>.<field>` */
class AuthzStats {
  total = 0;
  ok = 0;
  denied = 0;
  error = 0;
  failure_mode_allowed = 0;
  cx_closed = 0;
  disabled = 0;
  active = 0;
}

/** Milliseconds, Envoy's default. */
const TIMEOUT = 200;
const OK = 0;
const METADATA = 'envoy.filters.network.ext_authz';
const REFUSAL: Refusal = { delay: 0, details: '' };

export function createNetworkExtAuthz(config: ExtAuthz, name: string, path: string): NetworkFilter {
  if (config.statPrefix === '') throw new ConfigError(at(path, 'stat_prefix'), 'is empty');
  if (config.transportApiVersion !== ApiVersion.V3)
    throw new ConfigError(at(path, 'transport_api_version'), 'must be V3');
  const target = decodeUnaryService(config.grpcService, TIMEOUT, at(path, 'grpc_service'));
  const enabled =
    config.filterEnabledMetadata === undefined
      ? () => true
      : compileMetadata(config.filterEnabledMetadata, at(path, 'filter_enabled_metadata'));
  return {
    name,
    start({ clock, client, stats: statsOf }) {
      const stats = statsOf(`ext_authz.${config.statPrefix}`, () => new AuthzStats());
      const judge = (record: Exchange, answer: CheckResponse | null, asked: number): Refusal | null => {
        const outcome = answer === null ? 'error' : (answer.status?.code ?? OK) === OK ? 'ok' : 'denied';
        stats[outcome] += 1;
        note(record, answer, outcome === 'ok' ? { ext_authz_duration: Math.floor(clock.now() - asked) } : {});
        if (outcome === 'ok') return null;
        if (outcome === 'error' && config.failureModeAllow) {
          stats.failure_mode_allowed += 1;
          return null;
        }
        stats.cx_closed += 1;
        record.flags |= flag.unauthorizedExternalService;
        record.details = `ext_authz_${outcome}`;
        return REFUSAL;
      };
      return {
        ask(record, done) {
          if (!enabled(record.metadata)) {
            stats.disabled += 1;
            done(null);
            return nothing;
          }
          stats.total += 1;
          stats.active += 1;
          const asked = clock.now();
          const cancel = client.grpc(Authorization.method.check, target, questionOf(record, config), (outcome) => {
            stats.active -= 1;
            done(judge(record, outcome.kind === 'message' ? outcome.message : null, asked));
          });
          return () => {
            stats.active -= 1;
            cancel();
          };
        },
      };
    },
  };
}

function questionOf({ downstream, metadata }: Exchange, config: ExtAuthz): CheckRequest {
  const noted = config.metadataContextNamespaces.flatMap((name) => {
    const value = metadata?.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return create(CheckRequestSchema, {
    attributes: {
      source: sourceOf(downstream, config.includePeerCertificate),
      destination: destinationOf(downstream),
      metadataContext: { filterMetadata: Object.fromEntries(noted) as Record<string, never> },
      ...(config.includeTlsSession && downstream.tls !== null ? { tlsSession: { sni: downstream.tls.sni } } : {}),
    },
  });
}

function note(record: Exchange, answer: CheckResponse | null, more: object): void {
  const metadata = { ...answer?.dynamicMetadata, ...more };
  if (Object.keys(metadata).length === 0) return;
  record.metadata ??= new Map();
  record.metadata.set(METADATA, metadata);
}

function nothing(): void {
  // Nobody was asked.
}
