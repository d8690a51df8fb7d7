// DestinationRule → DestinationPolicy. Inheritance between host, port and subset is the mesh's: here each says only what it says itself.
import type { DestinationPolicy, DestinationSettings, Subset } from '../../model/policy.ts';
import { audienceOf } from '../export-to.ts';
import type { Fields } from '../field/fields.ts';
import { name, port, text } from '../field/values.ts';
import { hostIn } from './host.ts';
import { noSettings, readTrafficPolicy } from './traffic-policy.ts';

export function readDestinationRule(root: Fields): DestinationPolicy | null {
  return root.requireObject('spec', (spec) => {
    const host = spec.require('host', hostIn(root.source.namespace));
    const policy = spec.object('trafficPolicy', (fields) => ({
      settings: readTrafficPolicy(fields),
      ports: readPorts(fields),
    }));
    const subsets = spec.objects('subsets', readSubset).filter((subset) => subset !== null);
    const clients = audienceOf(spec.list('exportTo', text), root.source.namespace);
    if (spec.has('workloadSelector')) {
      spec.error('workloadSelector', 'unsupported', 'workloadSelector is not applied yet: the object is left out');
      spec.ignore('workloadSelector');
      return null;
    }
    if (host === null) return null;
    return {
      host,
      namespace: root.source.namespace,
      clients,
      created: root.source.created,
      settings: policy?.settings ?? noSettings,
      ports: policy?.ports ?? [],
      subsets: withoutRepeated(spec, subsets),
      origin: root.origin(),
    };
  });
}

function readPorts(policy: Fields): DestinationPolicy['ports'] {
  const ports = policy.objects('portLevelSettings', (fields) => {
    const number = fields.requireObject('port', (selector) => selector.require('number', port));
    const settings = readTrafficPolicy(fields);
    return number === null ? null : { port: number, settings };
  });
  return ports.filter((item) => item !== null);
}

function readSubset(fields: Fields): Subset | null {
  const subset = fields.require('name', name);
  const labels = Object.fromEntries(fields.map('labels', text));
  const settings = fields.object('trafficPolicy', readSubsetPolicy) ?? noSettings;
  return subset === null || fields.failed ? null : { name: subset, labels, settings, origin: fields.origin() };
}

function readSubsetPolicy(fields: Fields): DestinationSettings {
  fields.unsupported('portLevelSettings');
  return readTrafficPolicy(fields);
}

function withoutRepeated(spec: Fields, subsets: readonly Subset[]): Subset[] {
  const byName = new Map<string, Subset>();
  for (const subset of subsets) {
    if (!byName.has(subset.name)) byName.set(subset.name, subset);
    else spec.error('subsets', 'conflict', `subset ${subset.name} is defined twice: the first is taken`);
  }
  return [...byName.values()];
}
