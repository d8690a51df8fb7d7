// The demo end to end: `npm start` for a while, its own verdict and its summary.
import { NOTHING, type Outcome, runCommand, type Step } from './step.ts';

const SECONDS = '10';

export const demoStep: Step = { name: 'demo', run: runDemo };

async function runDemo(): Promise<Outcome> {
  const { code, output } = await runCommand('node', ['scripts/start.mjs', '--for', SECONDS, '--json']);
  const complaint =
    code === 0 ? complaintOf(output.trimEnd().split('\n').at(-1) ?? '') : `npm start ended with ${code}`;
  if (complaint === null) return { ...NOTHING, passed: 1 };
  return { ...NOTHING, failed: 1, output: `${output}\n${complaint}` };
}

/** What the summary lacks, or null. */
function complaintOf(line: string): string | null {
  const summary = JSON.parse(line) as Record<string, unknown>;
  const wanted = ['requests', 'encrypted', 'failed', 'denied', 'workloads', 'dialects', 'dashboard'];
  const missing = wanted.filter((key) => !(key in summary));
  if (missing.length > 0) return `the summary has no ${missing.join(', ')}`;
  if (summary['failed'] !== 0) return `${summary['failed']} requests failed`;
  return Number(summary['requests']) > 0 ? null : 'no request was made';
}
