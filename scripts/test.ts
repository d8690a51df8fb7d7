// Everything that needs no root. The last line is `N passed, N failed`: tests and check steps together.
import { checkSteps } from './check-steps.ts';
import { demoStep } from './demo-step.ts';
import { runSteps } from './step.ts';
import { toolsStep } from './tools-step.ts';
import { vitestStep } from './vitest-step.ts';

const outer = ['features', 'differential', 'browser'].map(vitestStep);
const { passed, failed, skipped } = await runSteps([toolsStep, ...checkSteps, ...outer, demoStep]);
if (skipped > 0) console.log(`${skipped} skipped`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
