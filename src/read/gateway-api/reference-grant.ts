// ReferenceGrant → which namespaces' objects may refer to which objects of this namespace.
import type { ReferenceGrant } from '../../model/gateway.ts';
import type { Fields } from '../field/fields.ts';
import { name, text } from '../field/values.ts';

/** The only groups whose objects refer to others, and are referred to, in what is applied; kinds of others are not meant. */
const ROUTES = 'gateway.networking.k8s.io';
const CORE = '';

export function readReferenceGrant(root: Fields): ReferenceGrant | null {
  return root.requireObject('spec', (spec) => {
    const from = spec.objects('from', (entry) => {
      const group = entry.require('group', text);
      const kind = entry.require('kind', name);
      const namespace = entry.require('namespace', name);
      return kind === null || namespace === null || group !== ROUTES ? null : { kind, namespace };
    });
    const to = spec.objects('to', (entry) => {
      const group = entry.require('group', text);
      const kind = entry.require('kind', name);
      const target = entry.get('name', name);
      // A name that cannot be read must not become "every name".
      return kind === null || entry.failed || group !== CORE ? null : { kind, name: target };
    });
    return {
      namespace: root.source.namespace,
      from: from.filter((entry) => entry !== null),
      to: to.filter((entry) => entry !== null),
      origin: root.origin(),
    };
  });
}
