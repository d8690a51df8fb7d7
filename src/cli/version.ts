// `tulle version`: of this program, and of the control plane when one answers.
import { Command } from 'commander';
import type { VersionResponse } from '../api/types.ts';
import { type Context, clientOf, withApi } from './context.ts';
import { CommandFailure } from './failure.ts';

export function versionCommand({ terminal }: Context, version: string): Command {
  return withApi(new Command('version').description('versions of this program and of the control plane')).action(
    async (options: { api: string }) => {
      terminal.out(`tulle ${version}, node ${process.version}\n`);
      try {
        const answer = await clientOf(options).get<VersionResponse>('/api/v1/version');
        terminal.out(`control plane ${answer.version}, node ${answer.node}, up ${answer.uptimeSeconds} s\n`);
      } catch (error) {
        if (!(error instanceof CommandFailure) || error.exitCode === 2) throw error;
        terminal.out(`control plane: ${error.message}\n`);
      }
    },
  );
}
