// What `npm run check` runs and `npm test` begins with. In this order: what fails fastest first.
import { fileSizes } from './file-sizes.ts';
import { commandStep, type Step } from './step.ts';
import { vitestStep } from './vitest-step.ts';

export const checkSteps: readonly Step[] = [
  fileSizes,
  commandStep('types', 'tsc', '--noEmit', '-p', '.'),
  commandStep('types of ui', 'tsc', '--noEmit', '-p', 'dashboard'),
  commandStep('lint', 'biome', 'check', '--error-on-warnings', '.'),
  commandStep('dead code', 'knip', '--no-progress', '--no-config-hints'),
  commandStep('xDS types', 'node', 'scripts/generate-xds.ts', '--check'),
  // The signs of src/ are part of it.
  vitestStep('unit'),
];
