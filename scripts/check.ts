// `npm run check`: types, lint, dead code, generated code, signs and unit tests, in about a minute. Goes on after a failure.
import { checkSteps } from './check-steps.ts';
import { runSteps } from './step.ts';

const { failed } = await runSteps(checkSteps);
process.exitCode = failed === 0 ? 0 : 1;
