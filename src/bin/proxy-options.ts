// The command line of the proxy. Options are Envoy's, so that what starts Envoy can start it; those of its hot restart say nothing here.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { CommandLine } from '../proxy/bootstrap/sources.ts';
import { DEFAULT_FLUSH, type LogFlush } from '../proxy/log/sink.ts';
import type { DrainTimes } from '../proxy/workers/engine.ts';

export type ProxyOptions = CommandLine & {
  readonly mode: 'serve' | 'validate';
  /** A level of pino. */
  readonly logLevel: string;
  /** Where the address of admin is written to; '': nowhere. */
  readonly adminAddressPath: string;
  readonly drainTimes: DrainTimes;
  /** Of files that logs are written to. */
  readonly logFlush: LogFlush;
  /** Threads that carry traffic; 0 is one for each core there is; null: what the bootstrap says. */
  readonly concurrency: number | null;
};

const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8')) as {
  version: string;
};

/** Envoy's names of levels, and pino's. */
const LEVELS: Readonly<Record<string, string>> = {
  trace: 'trace',
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  critical: 'fatal',
  fatal: 'fatal',
  off: 'silent',
  silent: 'silent',
};

/** Milliseconds that a timer can have. */
const GREATEST = 2 ** 31 - 1;

/** Of the hot restart and of messages that Envoy has and this proxy has not. */
const NOTHING_HERE = [
  '--disable-hot-restart',
  '--use-dynamic-base-id',
  '--base-id <number>',
  '--parent-shutdown-time-s <seconds>',
  '--skip-hot-restart-on-no-parent',
  '--skip-deprecated-logs',
];

/** As commander gives them: what was not said and has no default is not there. */
type Parsed = Pick<ProxyOptions, 'mode' | 'logLevel'> &
  Partial<Omit<CommandLine, 'statsTags'>> & {
    readonly adminAddressPath?: string;
    readonly concurrency?: number;
    readonly drainTimeS: number;
    readonly terminationDrainTimeS: number;
    readonly fileFlushIntervalMsec: number;
    readonly fileFlushMinSizeKb: number;
    readonly statsTag?: readonly string[];
  };

/** Ends the process for what it does not understand, and for --help. */
export function parseOptions(argv: readonly string[]): ProxyOptions {
  const command = new Command('tulle-proxy')
    .description("Tulle's proxy, driven by xDS v3. Takes the options of Envoy.")
    .version(version)
    .option('-c, --config-path <file>', 'an Envoy bootstrap, YAML or JSON')
    .option('--config-yaml <text>', 'a bootstrap as text, merged over the file')
    .addOption(
      new Option('--mode <mode>', 'validate: say what would be refused, start nothing')
        .choices(['serve', 'validate'])
        .default('serve'),
    )
    .option('-l, --log-level <level>', 'trace, debug, info, warn, error, critical or off', level, 'info')
    .option('--service-node <id>', "in place of the bootstrap's node.id")
    .option('--service-cluster <name>', "in place of the bootstrap's node.cluster")
    .option('--service-zone <zone>', "in place of the bootstrap's node.locality.zone")
    .option('--stats-tag <name:value>', 'a tag of all statistics; may be said again', collect)
    .option('--admin-address-path <file>', 'where the address of the admin interface is written to')
    .option('--drain-time-s <seconds>', 'how long connections of a listener that is gone may go on', seconds, 600)
    .addOption(new Option('--drain-strategy <strategy>', 'how they are asked to go').choices(['immediate']))
    .option(
      '--termination-drain-time-s <seconds>',
      'how long requests in progress may take when the proxy is told to end',
      seconds,
      10,
    )
    .option(
      '--file-flush-interval-msec <milliseconds>',
      'how long lines of logs are held before they are written to their files',
      milliseconds,
      DEFAULT_FLUSH.interval,
    )
    .option(
      '--file-flush-min-size-kb <kilobytes>',
      'how much is held before it is written at once',
      kilobytes,
      DEFAULT_FLUSH.size / 1024,
    )
    .option(
      '--concurrency <threads>',
      'threads that carry traffic: 0 for one per core (default: 1, or what the bootstrap says)',
      threads,
    );
  for (const flags of NOTHING_HERE) command.addOption(new Option(flags).hideHelp());
  const parsed = command.parse(argv).opts<Parsed>();
  return {
    mode: parsed.mode,
    logLevel: parsed.logLevel,
    configPath: parsed.configPath ?? '',
    configYaml: parsed.configYaml ?? '',
    serviceNode: parsed.serviceNode ?? '',
    serviceCluster: parsed.serviceCluster ?? '',
    serviceZone: parsed.serviceZone ?? '',
    statsTags: parsed.statsTag ?? [],
    adminAddressPath: parsed.adminAddressPath ?? '',
    drainTimes: { requests: parsed.terminationDrainTimeS * 1000, connections: parsed.drainTimeS * 1000 },
    logFlush: { interval: parsed.fileFlushIntervalMsec, size: parsed.fileFlushMinSizeKb * 1024 },
    concurrency: parsed.concurrency ?? null,
    version,
  };
}

function level(text: string): string {
  const known = LEVELS[text];
  if (known === undefined) throw new InvalidArgumentError(`It is none of ${Object.keys(LEVELS).join(', ')}.`);
  return known;
}

function seconds(text: string): number {
  const value = Number(text);
  if (text === '' || !(value >= 0)) throw new InvalidArgumentError('It is no number of seconds.');
  return value;
}

function threads(text: string): number {
  return wholeNumber(text, 'threads (hint: 2, or 0 for all cores)');
}

function milliseconds(text: string): number {
  return wholeNumber(text, 'milliseconds');
}

function kilobytes(text: string): number {
  return wholeNumber(text, 'kilobytes');
}

function wholeNumber(text: string, of: string): number {
  const value = Number(text);
  if (text === '' || !(Number.isInteger(value) && value >= 0 && value <= GREATEST))
    throw new InvalidArgumentError(`It is no number of ${of}.`);
  return value;
}

function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}
