// Kubernetes' own objects → a fragment.
import { emptyFragment, type Reader } from '../../model/fragment.ts';
import type { MeshObject } from '../../model/object.ts';
import type { Problem } from '../../model/problem.ts';
import type { Service, Workload } from '../../model/service.ts';
import { readObject } from '../field/fields.ts';
import { claimsFrom } from '../kind.ts';
import { kubernetesKinds } from './kinds.ts';
import { readService } from './service.ts';
import { readWorkload } from './workload.ts';

export const kubernetesReader: Reader = {
  dialect: 'kubernetes',
  claims: claimsFrom(kubernetesKinds),
  read(objects) {
    const problems: Problem[] = [];
    const namespaces = objects.filter(({ kind }) => kind === 'Namespace');
    const services: Service[] = [];
    const workloads: Workload[] = [];
    for (const object of objects) {
      if (object.kind === 'Namespace') continue;
      if (object.kind === 'Service') push(services, readObject(object, 'kubernetes', problems, readService));
      else push(workloads, readObject(object, 'kubernetes', problems, readWorkload));
    }
    return { fragment: { ...emptyFragment, namespaces: namespaces.map(readNamespace), services, workloads }, problems };
  },
};

/** The API server sets this label on every namespace; selectors rely on it. */
const LABEL_OF_NAME = 'kubernetes.io/metadata.name';

const readNamespace = ({ name, labels, annotations }: MeshObject) => ({
  name,
  labels: { ...labels, [LABEL_OF_NAME]: name },
  annotations,
});

function push<T>(list: T[], item: T | null): void {
  if (item !== null) list.push(item);
}
