// The proxy: `proxy.ts -c FILE`, where FILE is an Envoy bootstrap in YAML or JSON.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { runProxy } from './proxy-process.ts';

const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8')) as {
  version: string;
};

const command = new Command('tulle-proxy')
  .description("Tulle's proxy, driven by xDS v3")
  .version(version)
  .requiredOption('-c, --config-path <file>', 'an Envoy bootstrap, YAML or JSON')
  .option('-l, --log-level <level>', 'trace, debug, info, warn, error, fatal or silent', 'info')
  .option('--drain-time-s <seconds>', 'how long requests in progress may take when the proxy is told to end', '10')
  .option(
    '--concurrency <threads>',
    'threads that carry traffic: 0 for one per core (default: 1, or what the bootstrap says)',
  )
  .parse();

const options = command.opts<{ configPath: string; logLevel: string; drainTimeS: string; concurrency?: string }>();
const drainTime = Number(options.drainTimeS) * 1000;
if (!(drainTime >= 0))
  command.error(`error: ${options.drainTimeS} is no number of seconds (hint: as in --drain-time-s 10)`);
const concurrency = options.concurrency === undefined ? null : Number(options.concurrency);
if (concurrency !== null && !(Number.isInteger(concurrency) && concurrency >= 0))
  command.error(
    `error: ${options.concurrency} is no number of threads (hint: as in --concurrency 2, or 0 for all cores)`,
  );
process.exit(await runProxy({ file: options.configPath, logLevel: options.logLevel, drainTime, concurrency, version }));
