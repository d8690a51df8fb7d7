// `tulle explain`: what the mesh would do with one request, step by step, and the object behind each step.
import { Command } from 'commander';
import type { ExplainResponse, ExplainStep } from '../api/types.ts';
import { describeOrigin, type Origin } from '../model/origin.ts';
import { type Context, clientOf, printStructured, withApi, withOutput } from './context.ts';
import { BadAnswer } from './failure.ts';
import { place } from './format.ts';
import { paint, printable, type Style, type Terminal } from './terminal.ts';

type Options = { api: string; output: string; from: string; to: string; method: string; header: readonly string[] };

export function explainCommand({ terminal }: Context): Command {
  const command = new Command('explain')
    .description(
      'the route, policy and endpoint a request would get, and the object behind each; exits 1 when it would not arrive',
    )
    .requiredOption('--from <workload>', 'who asks: a name, or namespace/name')
    .requiredOption('--to <url>', 'what for, as in http://catalog/items')
    .option('--method <method>', 'HTTP method', 'GET')
    .option('--header <name:value>', 'a header of the request; may be repeated', collect, []);
  return withOutput(withApi(command)).action(async (options: Options) => {
    const query = new URLSearchParams({ from: options.from, to: options.to, method: options.method });
    for (const header of options.header) query.append('header', header);
    const answer = await clientOf(options).get<ExplainResponse>(`/api/v1/explain?${query}`);
    if (!printStructured(terminal, options.output, answer)) terminal.out(describe(terminal, answer));
    if (answer.verdict === 'denied' || answer.verdict === 'failed') throw new BadAnswer();
  });
}

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

const VERDICTS: Readonly<Record<ExplainResponse['verdict'], Style>> = {
  forwarded: 'green',
  answered: 'yellow',
  denied: 'red',
  failed: 'red',
};

function describe(terminal: Terminal, { verdict, status, summary, steps }: ExplainResponse): string {
  const answer = status === null ? '' : ` with ${status}`;
  const head = `${paint(terminal, VERDICTS[verdict], `${verdict}${answer}`)}: ${printable(summary)}`;
  const width = Math.max(0, ...steps.map(({ stage }) => stage.length));
  return `${[head, ...steps.map((step) => describeStep(terminal, step, width))].join('\n')}\n`;
}

const MARKS: Readonly<Record<ExplainStep['outcome'], string>> = { passed: '+', refused: 'x', note: ' ' };

function describeStep(terminal: Terminal, { stage, outcome, text, origin }: ExplainStep, width: number): string {
  const line = `  ${MARKS[outcome]} ${stage.padEnd(width)}  ${printable(text)}`;
  if (origin === null || origin.dialect === 'tulle') return line;
  return `${line}\n${' '.repeat(width + 6)}${paint(terminal, 'dim', printable(describeBehind(origin)))}`;
}

function describeBehind(origin: Origin): string {
  const where = origin.place === null ? '' : `  ${place(origin.place.file, origin.place.line)}`;
  return `${describeOrigin(origin)} (${origin.dialect})${where}`;
}
