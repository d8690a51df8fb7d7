// `loadBalancer` → how a client picks an endpoint.
import type { LoadBalancer } from '../../model/policy.ts';
import { type Setting, set, unset } from '../../model/setting.ts';
import { millis } from '../../model/units.ts';
import type { Fields } from '../field/fields.ts';
import { boolean, goDuration, headerName, name, number, oneOf, text } from '../field/values.ts';

const simpleNames = oneOf('UNSPECIFIED', 'LEAST_CONN', 'LEAST_REQUEST', 'RANDOM', 'PASSTHROUGH', 'ROUND_ROBIN');

export function readLoadBalancer(fields: Fields): Setting<LoadBalancer> {
  const simple = fields.get('simple', simpleNames);
  const hash = fields.object('consistentHash', readConsistentHash);
  fields.object('warmup', checkWarmup);
  fields.unsupported('localityLbSetting', 'zoneAwareLbSetting', 'warmupDurationSecs');
  if (simple !== null && fields.has('consistentHash')) {
    fields.error('', 'invalid', 'simple and consistentHash are both given: consistentHash is taken', 'choose one');
  }
  if (hash !== null) return set({ kind: 'hash', on: hash });
  switch (simple) {
    case 'LEAST_CONN':
    case 'LEAST_REQUEST':
      return set({ kind: 'least-request' });
    case 'ROUND_ROBIN':
      return set({ kind: 'round-robin' });
    case 'RANDOM':
      return set({ kind: 'random' });
    case 'PASSTHROUGH':
      fields.warn('simple', 'unsupported', 'PASSTHROUGH is not applied yet');
      return unset;
    default:
      return unset;
  }
}

type HashOn = Extract<LoadBalancer, { kind: 'hash' }>['on'];

function readConsistentHash(fields: Fields): HashOn | null {
  const header = fields.get('httpHeaderName', headerName);
  const query = fields.get('httpQueryParameterName', name);
  const sourceIp = fields.get('useSourceIp', boolean);
  const cookie = fields.object('httpCookie', (part) => {
    part.unsupported('attributes');
    const named = part.require('name', name);
    const path = part.get('path', text) ?? '';
    const ttl = part.get('ttl', goDuration) ?? millis(0);
    return named === null ? null : ({ kind: 'cookie', name: named, path, ttl } as const);
  });
  fields.unsupported('maglev', 'minimumRingSize', 'ringHash');
  const keys: HashOn[] = [];
  if (header !== null) keys.push({ kind: 'header', name: header });
  if (query !== null) keys.push({ kind: 'query', name: query });
  if (sourceIp === true) keys.push({ kind: 'source-ip' });
  if (cookie !== null) keys.push(cookie);
  if (keys.length !== 1) {
    fields.error(
      '',
      'invalid',
      `${keys.length} things to hash`,
      'a header, a query parameter, a cookie or the source IP',
    );
  }
  return keys[0] ?? null;
}

/** Warm-up is not applied yet, but a wrong one is wrong already. */
function checkWarmup(fields: Fields): void {
  fields.require('duration', goDuration);
  fields.get('minimumPercent', number(0, 100));
  fields.get('aggression', number(1, 1000));
  if (!fields.failed) fields.warn('', 'unsupported', 'warmup is not applied yet');
}
