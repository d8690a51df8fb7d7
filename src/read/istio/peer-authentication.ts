// PeerAuthentication → transport policies: one for its workloads, one more for each port it names.
import type { TransportMode, TransportPolicy } from '../../model/policy.ts';
import { type Setting, set, unset } from '../../model/setting.ts';
import { parsePort } from '../../model/units.ts';
import type { Fields } from '../field/fields.ts';
import { show } from '../field/parser.ts';
import { oneOf } from '../field/values.ts';
import { ROOT_NAMESPACE, readSelector, targetOf } from './policy-target.ts';

export function readPeerAuthentication(root: Fields): TransportPolicy[] {
  return root.object('spec', (spec) => readSpec(root, spec)) ?? [];
}

function readSpec(root: Fields, spec: Fields): TransportPolicy[] {
  const { namespace, created } = root.source;
  const labels = readSelector(spec);
  // Then it is about the whole namespace: it must not open what it does not name.
  const lost = spec.failed;
  const meshWide = namespace === ROOT_NAMESPACE && labels === null;
  const target = targetOf(meshWide ? null : namespace, labels);
  const read = spec.object('mtls', readMode) ?? unset;
  const mode = lost ? set('strict' as const) : read;
  const ports = spec.mapOfObjects('portLevelMtls', (fields, written) => readPort(fields, written, target, created));
  if (spec.has('portLevelMtls') && labels === null) {
    spec.error('portLevelMtls', 'invalid', 'needs a selector: it is left out', 'add spec.selector.matchLabels');
    ports.length = 0;
  } else if (spec.has('portLevelMtls') && ports.length === 0) {
    spec.error('portLevelMtls', 'invalid', 'names no port');
  }
  return [{ target, mode, created, origin: root.origin() }, ...ports.filter((policy) => policy !== null)];
}

const MODES = { DISABLE: 'disable', PERMISSIVE: 'permissive', STRICT: 'strict' } as const;

/** A mode that cannot be read counts as strict: a typo must not open a workload. */
function readMode(fields: Fields): Setting<TransportMode> {
  const mode = fields.get('mode', oneOf('UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT'));
  if (fields.failed) return set('strict');
  return mode === null || mode === 'UNSET' ? unset : set(MODES[mode]);
}

function readPort(
  fields: Fields,
  written: string,
  target: TransportPolicy['target'],
  created: string,
): TransportPolicy | null {
  const number = /^\d{1,5}$/.test(written) ? parsePort(Number(written)) : null;
  const mode = readMode(fields);
  if (number === null) {
    fields.error('', 'invalid', `${show(written)} is not a port`, '1-65535');
    return null;
  }
  return { target: { ...target, port: { kind: 'number', port: number } }, mode, created, origin: fields.origin() };
}
