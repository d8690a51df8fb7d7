// One step of a check or test run: a command with a name, timed, silent unless it fails.
import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';

export const root = join(import.meta.dirname, '..');

export type Outcome = {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Shown when something failed. */
  readonly output: string;
};

export type Step = { readonly name: string; run(): Promise<Outcome> };

/** A step that passes when its command ends with 0. The first word is a file of node_modules/.bin or a command on PATH. */
export function commandStep(name: string, command: string, ...args: string[]): Step {
  return {
    name,
    async run() {
      const { code, output } = await runCommand(command, args);
      return code === 0 ? { ...NOTHING, passed: 1, output } : { ...NOTHING, failed: 1, output };
    },
  };
}

export const NOTHING: Outcome = { passed: 0, failed: 0, skipped: 0, output: '' };

export async function runCommand(command: string, args: readonly string[]): Promise<{ code: number; output: string }> {
  const bin = join(root, 'node_modules/.bin');
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}`, FORCE_COLOR: '0', NO_COLOR: '1' };
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

/** Runs every step to the end, whatever fails on the way, a line for each; returns their sum. */
export async function runSteps(steps: readonly Step[]): Promise<Outcome> {
  let total = NOTHING;
  const started = performance.now();
  for (const step of steps) {
    const outcome = await runStep(step);
    total = {
      passed: total.passed + outcome.passed,
      failed: total.failed + outcome.failed,
      skipped: total.skipped + outcome.skipped,
      output: '',
    };
  }
  console.log(`${'all'.padEnd(14)}${seconds(started)}`);
  return total;
}

async function runStep(step: Step): Promise<Outcome> {
  const started = performance.now();
  const outcome = await step.run().catch((error: Error): Outcome => ({ ...NOTHING, failed: 1, output: error.message }));
  const counts = outcome.passed + outcome.failed > 1 ? `  ${outcome.passed} passed, ${outcome.failed} failed` : '';
  const skipped = outcome.skipped > 0 ? `, ${outcome.skipped} skipped` : '';
  const verdict = outcome.failed === 0 ? 'ok' : 'FAILED';
  console.log(`${step.name.padEnd(14)}${seconds(started)}  ${verdict}${counts}${skipped}`);
  if (outcome.failed > 0) console.log(`${outcome.output.trimEnd()}\n`);
  return outcome;
}

function seconds(started: number): string {
  return `${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s`;
}
