// ReferenceGrant → which namespaces' objects may refer to which objects of this namespace.
import type { ReferenceGrant } from '../../model/gateway.ts';
import type { Fields } from '../field/fields.ts';
import { name, text } from '../field/values.ts';

export function readReferenceGrant(root: Fields): ReferenceGrant | null {
  return root.requireObject('spec', (spec) => {
    const from = spec.objects('from', (entry) => {
      entry.require('group', text);
      const kind = entry.require('kind', name);
      const namespace = entry.require('namespace', name);
      return kind === null || namespace === null ? null : { kind, namespace };
    });
    const to = spec.objects('to', (entry) => {
      entry.require('group', text);
      const kind = entry.require('kind', name);
      const target = entry.get('name', name);
      // A name that cannot be read must not become "every name".
      return kind === null || entry.failed ? null : { kind, name: target };
    });
    return {
      namespace: root.source.namespace,
      from: from.filter((entry) => entry !== null),
      to: to.filter((entry) => entry !== null),
      origin: root.origin(),
    };
  });
}
