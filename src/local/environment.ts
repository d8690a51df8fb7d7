// The environment of a local application: its own ports, and where it finds every service. Names follow Kubernetes where that has one.
import { type Address, type Instance, type Labels, reaches, type Service, type Workload } from '../model/service.ts';
import type { Hostname } from '../model/units.ts';

export type EnvironmentInput = {
  readonly workload: Workload;
  readonly instance: Instance;
  readonly services: readonly Service[];
  /** Where an application without a proxy reaches a service; null when nothing answers for it. */
  readonly direct: (host: Hostname, port: number) => Address | null;
  /** The bootstrap of a proxyless gRPC client; null for all others. */
  readonly grpcBootstrap: string | null;
};

/** Later ones win: the services, the containers' own `env`, then what Tulle alone can know. */
export function applicationEnvironment(input: EnvironmentInput): Record<string, string> {
  const { workload, instance } = input;
  const own = workload.environment.map(({ name, value }) => [name, value]);
  return {
    ...serviceVariables(input),
    ...Object.fromEntries(own),
    ...portVariables(workload, instance),
    ...proxyVariables(instance.capture.forwardProxy),
    ...(input.grpcBootstrap === null ? {} : { GRPC_XDS_BOOTSTRAP: input.grpcBootstrap }),
    TULLE_WORKLOAD: workload.name,
    TULLE_NAMESPACE: workload.namespace,
    TULLE_INSTANCE: instance.name,
    TULLE_VERSION: versionOf(workload.labels),
  };
}

/** `PORT` is the first container port; with several, each also has `PORT_<NAME>` (or `PORT_<number>`). */
function portVariables(workload: Workload, instance: Instance): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const { container, application } of instance.ports) {
    variables.PORT ??= String(application.port);
    if (instance.ports.length === 1) break;
    const name = workload.ports.find(({ port }) => port === container)?.name || String(container);
    variables[`PORT_${variableName(name)}`] = String(application.port);
  }
  return variables;
}

function serviceVariables({ workload, instance, services, direct }: EnvironmentInput): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const service of services.filter(({ clients }) => reaches(clients, workload.namespace))) {
    const name = variableName(
      service.namespace === workload.namespace ? service.name : `${service.name}_${service.namespace}`,
    );
    for (const [index, { name: portName, port }] of service.ports.entries()) {
      const listener = instance.capture.listeners.find((at) => at.host === service.host && at.port === port);
      const address = listener?.bind ?? direct(service.host, port);
      if (address === null) continue;
      if (index === 0) Object.assign(variables, addressVariables(name, address));
      if (service.ports.length > 1)
        Object.assign(variables, portOf(`${name}_${variableName(portName || String(port))}`, address));
    }
  }
  return variables;
}

const addressVariables = (name: string, address: Address): Record<string, string> => ({
  [`${name}_URL`]: urlOf(address),
  [`${name}_SERVICE_HOST`]: address.host,
  [`${name}_SERVICE_PORT`]: String(address.port),
});

const portOf = (name: string, address: Address): Record<string, string> => ({ [`${name}_URL`]: urlOf(address) });

/** Both spellings: programs disagree on which they read. What is on this machine is never asked through the proxy. */
function proxyVariables(proxy: Address | null): Record<string, string> {
  if (proxy === null) return {};
  const local = 'localhost,127.0.0.1,::1';
  return { HTTP_PROXY: urlOf(proxy), http_proxy: urlOf(proxy), NO_PROXY: local, no_proxy: local };
}

const versionOf = (labels: Labels): string => labels['app.kubernetes.io/version'] ?? labels.version ?? '';

const urlOf = ({ host, port }: Address): string => `http://${host}:${port}`;

const variableName = (name: string): string => name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_');
