// The proxy: `proxy.ts -c FILE`, where FILE is an Envoy bootstrap in YAML or JSON. Takes the options that Envoy is started with.
import { parseOptions } from './proxy-options.ts';
import { runProxy, validateProxy } from './proxy-process.ts';

const options = parseOptions(process.argv);
process.exit(await (options.mode === 'validate' ? validateProxy(options) : runProxy(options)));
