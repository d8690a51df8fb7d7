// `tulle problems`: what is wrong with the configuration, where, and what to do about it.
import { Command } from 'commander';
import type { ProblemsResponse } from '../api/types.ts';
import { describeOrigin } from '../model/origin.ts';
import type { Problem, Severity } from '../model/problem.ts';
import { type Context, clientOf, printStructured, withApi, withOutput } from './context.ts';
import { BadAnswer } from './failure.ts';
import { place } from './format.ts';
import { paint, printable, type Style, type Terminal } from './terminal.ts';

export function problemsCommand({ terminal }: Context): Command {
  const command = new Command('problems').description('what is wrong with the configuration; exits 1 on errors');
  return withOutput(withApi(command)).action(async (options: { api: string; output: string }) => {
    const { problems } = await clientOf(options).get<ProblemsResponse>('/api/v1/problems');
    if (!printStructured(terminal, options.output, problems)) terminal.out(describeProblems(terminal, problems));
    if (problems.some(({ severity }) => severity === 'error')) throw new BadAnswer();
  });
}

export function describeProblems(terminal: Terminal, problems: readonly Problem[]): string {
  if (problems.length === 0) return 'no problems\n';
  return problems.map((problem) => `${describeProblem(terminal, problem)}\n`).join('');
}

const STYLES: Readonly<Record<Severity, Style>> = { error: 'red', warning: 'yellow', info: 'dim' };

function describeProblem(terminal: Terminal, { severity, origin, message, hint }: Problem): string {
  const where = origin.place === null ? '' : `${place(origin.place.file, origin.place.line)}: `;
  const advice = hint === '' ? '' : ` (hint: ${hint})`;
  return `${paint(terminal, STYLES[severity], severity)} ${printable(`${where}${describeOrigin(origin)}: ${message}${advice}`)}`;
}
