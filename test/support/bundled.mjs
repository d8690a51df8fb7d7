// Runs before the tests that start our proxy: the bundle they start is of the sources as they are now.
import { bundling, setUp } from '../../scripts/setup.mjs';

export const setup = () => setUp(undefined, [bundling]);
