// What every command gets, and the options they share.
import { type Command, Option } from 'commander';
import { stringify } from 'yaml';
import { type ApiClient, apiClient } from './client.ts';
import { CommandFailure } from './failure.ts';
import type { Terminal } from './terminal.ts';

export type Context = { readonly terminal: Terminal };

const DEFAULT_API = 'http://127.0.0.1:7080';

/** Adds `--api`. */
export function withApi(command: Command): Command {
  return command.addOption(new Option('--api <url>', 'the control plane to ask').env('TULLE_API').default(DEFAULT_API));
}

/** Adds `-o`. */
export function withOutput(command: Command, formats: readonly string[] = ['table', 'json', 'yaml']): Command {
  return command.addOption(
    new Option('-o, --output <format>', 'how to print it').choices([...formats]).default('table'),
  );
}

export function clientOf(options: { api: string }): ApiClient {
  if (!URL.canParse(options.api) || !/^https?:/.test(options.api)) {
    throw new CommandFailure(`--api "${options.api}" is not a URL`, `as in ${DEFAULT_API}`, 2);
  }
  return apiClient(options.api);
}

/** Prints `value` as JSON or YAML; false when the format is neither. */
export function printStructured(terminal: Terminal, format: string, value: unknown): boolean {
  if (format === 'json') terminal.out(`${JSON.stringify(value, null, 2)}\n`);
  else if (format === 'yaml') terminal.out(stringify(value));
  else return false;
  return true;
}
