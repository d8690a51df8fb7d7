// `trafficPolicy` → DestinationSettings.
import type { ConnectionPool, DestinationSettings, OutlierDetection } from '../../model/policy.ts';
import { off, type Setting, set, unset } from '../../model/setting.ts';
import { type Millis, millis, parseBasisPoints } from '../../model/units.ts';
import type { Fields } from '../field/fields.ts';
import { count, goDuration, integer, oneOf, percent } from '../field/values.ts';
import { readLoadBalancer } from './load-balancer.ts';

const noPool: ConnectionPool = {
  connectTimeout: null,
  maxConnections: null,
  maxPendingRequests: null,
  maxRequests: null,
  maxRequestsPerConnection: null,
  maxRetries: null,
  idleTimeout: null,
};

export const noSettings: DestinationSettings = {
  loadBalancer: unset,
  connectionPool: noPool,
  outlierDetection: unset,
  tls: unset,
};

export function readTrafficPolicy(fields: Fields): DestinationSettings {
  const settings: DestinationSettings = {
    loadBalancer: fields.object('loadBalancer', readLoadBalancer) ?? unset,
    connectionPool: fields.object('connectionPool', readConnectionPool) ?? noPool,
    outlierDetection: fields.object('outlierDetection', readOutlierDetection) ?? unset,
    tls: fields.object('tls', readTls) ?? unset,
  };
  fields.unsupported('proxyProtocol', 'retryBudget', 'tunnel');
  return settings;
}

function readConnectionPool(fields: Fields): ConnectionPool {
  const tcp = fields.object('tcp', (part) => {
    part.unsupported('maxConnectionDuration', 'tcpKeepalive');
    return {
      connectTimeout: part.get('connectTimeout', goDuration),
      maxConnections: limit(part, 'maxConnections'),
      idleTimeout: part.get('idleTimeout', goDuration),
    };
  });
  const http = fields.object('http', (part) => {
    part.unsupported('h2UpgradePolicy', 'http2KeepAlive', 'maxConcurrentStreams', 'useClientProtocol');
    return {
      maxPendingRequests: limit(part, 'http1MaxPendingRequests'),
      maxRequests: limit(part, 'http2MaxRequests'),
      maxRequestsPerConnection: limit(part, 'maxRequestsPerConnection'),
      maxRetries: limit(part, 'maxRetries'),
      idleTimeout: part.get('idleTimeout', goDuration),
    };
  });
  return { ...noPool, ...tcp, ...http, idleTimeout: http?.idleTimeout ?? tcp?.idleTimeout ?? null };
}

/** Istio's 0 is "no limit", which is also what absence means. */
const limit = (fields: Fields, key: string): number | null => fields.get(key, count) || null;

/** An outlier detection that says nothing more still ejects after five 5xx in a row. */
const DEFAULT_CONSECUTIVE_5XX = 5;
const DEFAULT_INTERVAL = millis(10_000);
const DEFAULT_BASE_EJECTION = millis(30_000);
const DEFAULT_MAX_EJECTION = parseBasisPoints(10)!;

function readOutlierDetection(fields: Fields): Setting<OutlierDetection> {
  const gateway = fields.get('consecutiveGatewayErrors', count) ?? fields.get('consecutiveErrors', count);
  const detection: OutlierDetection = {
    consecutive5xx: (fields.get('consecutive5xxErrors', count) ?? DEFAULT_CONSECUTIVE_5XX) || null,
    consecutiveGatewayErrors: gateway || null,
    interval: positive(fields, 'interval') ?? DEFAULT_INTERVAL,
    baseEjection: positive(fields, 'baseEjectionTime') ?? DEFAULT_BASE_EJECTION,
    maxEjection: fields.get('maxEjectionPercent', percent) ?? DEFAULT_MAX_EJECTION,
  };
  // Panic is off wherever outlier detection is on; that is also what 0 asks for.
  if ((fields.get('minHealthPercent', integer(0, 100)) ?? 0) > 0) {
    fields.warn('minHealthPercent', 'unsupported', 'minHealthPercent is not applied yet');
  }
  fields.unsupported(
    'consecutiveLocalOriginFailures',
    'splitExternalLocalOriginErrors',
    'outlierDetectionHttpErrorCodes',
  );
  return set(detection);
}

function positive(fields: Fields, key: string): Millis | null {
  const duration = fields.get(key, goDuration);
  if (duration === 0) fields.error(key, 'invalid', 'is zero', 'at least 1ms');
  return duration || null;
}

function readTls(fields: Fields): DestinationSettings['tls'] {
  const mode = fields.get('mode', oneOf('DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL')) ?? 'DISABLE';
  const mesh = mode === 'ISTIO_MUTUAL';
  if (mode === 'SIMPLE' || mode === 'MUTUAL') {
    fields.warn('mode', 'unsupported', `${mode} is not applied yet: the mesh's own mutual TLS is used where it can be`);
    fields.ignoreRest();
    return unset;
  }
  fields.unsupported('sni', 'subjectAltNames', 'credentialName', 'clientCertificate', 'privateKey');
  fields.unsupported('caCertificates', 'caCrl', 'insecureSkipVerify');
  if (fields.failed) return unset;
  return mesh ? set({ kind: 'mesh' }) : off;
}
