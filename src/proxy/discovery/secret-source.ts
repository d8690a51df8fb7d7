// Where secrets come from: the identity agent in this process, a gRPC server, or a file.
import type { IdentityAgent } from '../../identity/agent.ts';
import type { SecretValue } from '../config/tls-types.ts';
import type { Applied } from './config-target.ts';

export type DeliverSecret = (name: string, value: SecretValue) => Applied;

export type SecretSource = {
  /** All names that are in use now. */
  want(names: ReadonlySet<string>): void;
  close(): void;
};

/** Answers `default` and `ROOTCA`, and nothing else. */
export function agentSource(agent: IdentityAgent, deliver: DeliverSecret): SecretSource {
  const close = agent.onUpdate(({ certificate, trust }) => {
    // Trust first: a new certificate may need it.
    void deliver('ROOTCA', { kind: 'trust', roots: trust.roots });
    void deliver('default', { kind: 'certificate', ...certificate });
  });
  return { want: () => undefined, close };
}
