// A reference to what answers a request. A reference that cannot be followed is one that answers 500.
import type { BackendTarget } from '../../model/route.ts';
import type { Fields } from '../field/fields.ts';
import { name, port, text } from '../field/values.ts';
import { serviceHost } from '../service-host.ts';

export function readBackendTarget(ref: Fields): BackendTarget {
  const group = ref.get('group', text) ?? '';
  const kind = ref.get('kind', name) ?? 'Service';
  const service = ref.require('name', name);
  const namespace = ref.get('namespace', name) ?? ref.source.namespace;
  if (group !== '' || kind !== 'Service') {
    ref.ignore('port');
    ref.error(
      '',
      'unsupported',
      `backends of kind ${kind} (group ${group || 'core'}) are not applied yet: they get 500`,
    );
    return broken(`backend of kind ${kind}`);
  }
  const number = ref.require('port', port);
  const host = service === null ? null : serviceHost(service, namespace);
  if (service !== null && host === null)
    ref.error('', 'invalid', `${namespace}/${service} is not the name of a service`);
  if (host === null || number === null || ref.failed) return broken('invalid backend');
  const grant = { fromKind: ref.source.kind, fromNamespace: ref.source.namespace };
  return { kind: 'service', host, port: number, subset: null, grant };
}

export const broken = (reason: string): BackendTarget => ({ kind: 'fail', status: 500, reason });
