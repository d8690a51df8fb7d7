// The control plane as a process of its own, over a folder of YAML. What to start beside it is written into its state folder.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { pino } from 'pino';
import { parsePort } from '../cli/port-option.ts';
import { systemClock } from '../lib/clock.ts';
import { serveControl } from '../local/serve-control.ts';
import { StartError } from '../local/start-error.ts';

type Flags = {
  readonly file: string;
  readonly state: string;
  readonly port: number;
  readonly xdsPort: number;
  readonly trustDomain: string;
  readonly dataPlane: 'tulle' | 'envoy';
  readonly dashboard: boolean;
  readonly logLevel: string;
};

const root = join(import.meta.dirname, '..', '..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };

const command: Command = new Command('tulle-control')
  .description(
    'the control plane alone: reads YAML, serves xDS, certificates and the dashboard; starts no other process',
  )
  .version(version)
  .requiredOption('-f, --file <path>', 'folder or file of YAML')
  .option(
    '--state <folder>',
    'kept over restarts: the CA, join tokens, and in processes.json what to start',
    '.tulle-control',
  )
  .option('--xds-port <number>', 'port for proxies (xDS and certificates); 0 takes any', parsePort, 15012)
  .option('--port <number>', 'port of the dashboard and API; 0 takes any', parsePort, 7080)
  .option('--trust-domain <name>', 'the first part of every identity', parseTrustDomain, 'cluster.local')
  .addOption(
    new Option('--data-plane <name>', 'the proxy of workloads that do not choose')
      .choices(['tulle', 'envoy'])
      .default('tulle'),
  )
  .option('--no-dashboard', 'serve the API only')
  .option('-l, --log-level <level>', 'trace, debug, info, warn, error, fatal or silent', 'info')
  .parse();

process.exitCode = await main(command.opts<Flags>());

async function main({ file, port, xdsPort, dashboard, logLevel, ...flags }: Flags): Promise<number> {
  const log = pino({ name: 'control', level: logLevel }, pino.destination(2));
  const ended = nextSignal();
  try {
    const served = await serveControl({
      ...flags,
      path: file,
      ports: { api: port, xds: xdsPort },
      dashboard: dashboard ? join(root, 'dashboard', 'dist') : null,
      version,
      env: process.env,
      clock: systemClock,
      log: () => log,
      onPrepared: (path, processes) => log.info({ file: path, processes }, 'what to start is written'),
      onError: (error) => log.error({ err: error }, 'not everything could be prepared'),
    });
    log.info({ api: served.control.api?.url, xds: `127.0.0.1:${served.control.xdsPort}` }, 'the control plane listens');
    await ended;
    await served.close();
    return 0;
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    process.stderr.write(`control: ${error.message} (hint: ${error.hint})\n`);
    return 1;
  }
}

function nextSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => resolve());
  });
}

function parseTrustDomain(text: string): string {
  // SPIFFE-ID section 2.1: lower case letters, digits, dots, dashes and underscores.
  if (!/^[a-z0-9._-]{1,255}$/.test(text)) throw new InvalidArgumentError('as in cluster.local: lower case, no scheme.');
  return text;
}
