// The command line: all commands, and how an error becomes a sentence and an exit code.
import { Command, CommanderError } from 'commander';
import type { Context } from './context.ts';
import { explainCommand } from './explain.ts';
import { BadAnswer, CommandFailure } from './failure.ts';
import { getCommand } from './get.ts';
import { problemsCommand } from './problems.ts';
import { proxyCommand } from './proxy.ts';
import { statCommand } from './stat.ts';
import { paint, printable, type Terminal } from './terminal.ts';
import { versionCommand } from './version.ts';

/** Runs the command; the result is the exit code. `own` are commands that live elsewhere (`up`). */
export async function run(
  argv: readonly string[],
  version: string,
  terminal: Terminal,
  own: readonly Command[] = [],
): Promise<number> {
  const program = buildProgram({ terminal }, version, own);
  try {
    await program.parseAsync([...argv], { from: 'user' });
    // `up` has an exit code of its own.
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return exitCodeOf(error, terminal);
  }
}

function buildProgram(context: Context, version: string, own: readonly Command[]): Command {
  const program = new Command('tulle').description('a service mesh').version(version, '-V, --version');
  const commands = [
    ...own,
    statCommand(context),
    getCommand(context),
    problemsCommand(context),
    proxyCommand(context),
    explainCommand(context),
    versionCommand(context, version),
  ];
  for (const command of commands) program.addCommand(command);
  for (const command of [program, ...descendants(program)]) {
    command
      .exitOverride()
      .showHelpAfterError('(hint: add --help for the options)')
      .configureOutput({ writeOut: context.terminal.out, writeErr: context.terminal.error });
  }
  return program;
}

function descendants(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...descendants(child)]);
}

function exitCodeOf(error: unknown, terminal: Terminal): number {
  // Commander has printed its own message, or the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof BadAnswer) return 1;
  if (!(error instanceof CommandFailure)) throw error;
  const hint = error.hint === '' ? '' : ` (hint: ${printable(error.hint)})`;
  terminal.error(`${paint(terminal, 'red', 'error')}: ${printable(error.message)}${hint}\n`);
  return error.exitCode;
}
