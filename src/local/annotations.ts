// The annotations of a Deployment (or of its pod template) that local mode reads.
import type { Problem } from '../model/problem.ts';
import type { Instance, Workload } from '../model/service.ts';

export type DataPlane = Instance['dataPlane'];

export const annotation = {
  /** The command that runs a replica here. */
  command: 'tulle.dev/command',
  /** Where the command runs; relative to the file it is said in, and that file's folder by default. */
  workingDirectory: 'tulle.dev/working-directory',
  /** `tulle`, `envoy`, `proxyless` (a gRPC client that speaks xDS itself) or `none`. */
  dataPlane: 'tulle.dev/data-plane',
  /** Services it is expected to call, comma-separated: `up --for` fails when one of them saw no request from it. */
  calls: 'tulle.dev/calls',
  /** Services that policy forbids it, comma-separated: `up --for` fails when one of its requests gets through. */
  forbidden: 'tulle.dev/forbidden',
  /** Istio's own; `grpc-agent` among its values means proxyless gRPC. */
  templates: 'inject.istio.io/templates',
} as const;

export function dataPlaneOf(workload: Workload, otherwise: DataPlane, problems: Problem[]): DataPlane {
  const value = workload.annotations[annotation.dataPlane];
  if (value === undefined)
    return listOf(workload.annotations[annotation.templates]).includes('grpc-agent') ? 'proxyless' : otherwise;
  if (value === 'tulle' || value === 'envoy' || value === 'proxyless' || value === 'none') return value;
  const { origin } = workload;
  const message = `annotation ${annotation.dataPlane}: ${value} is not run on one machine`;
  problems.push({ severity: 'error', code: 'unsupported', origin, message, hint: 'tulle, envoy, proxyless or none' });
  return otherwise;
}

export const listOf = (text: string | undefined): readonly string[] =>
  (text ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
