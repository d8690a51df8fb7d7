// What the upstream answers.
import type { Scenario } from './comparison.ts';

const BODY = 'x'.repeat(100);

export const plainUpstream: Scenario['upstream'] = { listen: '', lines: `return 200 "${BODY}";` };
