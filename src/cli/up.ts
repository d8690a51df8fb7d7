// `tulle up`: runs the mesh of a folder of YAML on this machine until Ctrl-C, or for a while and says what came of it.
import { Command, InvalidArgumentError, Option } from 'commander';
import { systemClock } from '../lib/clock.ts';
import { StartError } from '../local/start-error.ts';
import type { ProcessEvent } from '../local/supervised-process.ts';
import type { LocalRun, UpOptions } from '../local/up.ts';
import type { Problem } from '../model/problem.ts';
import type { Context } from './context.ts';
import { parsePort } from './port-option.ts';
import { describeProblems } from './problems.ts';
import { paint, printable, type Terminal } from './terminal.ts';

/** Where things are in the package this runs from. */
export type UpSurroundings = {
  readonly version: string;
  readonly demo: string;
  readonly dashboard: string;
};

type Flags = {
  readonly file?: string;
  readonly for?: number;
  readonly json?: boolean;
  readonly dataPlane: 'tulle' | 'envoy';
  readonly port: number;
  readonly xdsPort: number;
  readonly state: string;
  readonly dashboard: boolean;
  readonly demo?: boolean;
};

export function upCommand({ terminal }: Context, surroundings: UpSurroundings): Command {
  return new Command('up')
    .description('run the mesh of a folder of YAML on this machine: its control plane, applications and proxies')
    .option('-f, --file <path>', 'folder or file of YAML (npm start: the demo, unless said otherwise)')
    .option(
      '--for <seconds>',
      'run that long once everything is ready, then stop and say what came of it',
      parseSeconds,
    )
    .option('--json', 'with --for: print what came of it as one line of JSON, the last')
    .addOption(
      new Option('--data-plane <name>', "which proxy to run: Tulle's own, or Envoy (on the PATH or in TULLE_ENVOY)")
        .choices(['tulle', 'envoy'])
        .default('tulle'),
    )
    .option('--port <number>', 'port of the dashboard and API; 0 takes any', parsePort, 7080)
    .option('--xds-port <number>', 'port of the control plane for proxies; 0 takes any', parsePort, 15012)
    .option('--state <folder>', 'where certificates, logs and the like are kept; safe to delete', '.tulle')
    .option('--no-dashboard', 'serve the API only')
    .addOption(new Option('--demo', "run Tulle's own demo").hideHelp())
    .action(async (flags: Flags) => {
      process.exitCode = await new UpSession(flags, surroundings, terminal).run();
    });
}

/** One `tulle up`, from its start to its exit code. Talks on the error stream: the output is the JSON's alone. */
class UpSession {
  readonly #flags: Flags;
  readonly #terminal: Terminal;
  readonly #options: UpOptions;
  #shown: readonly string[] = [];
  readonly #end = Promise.withResolvers<'signal' | 'time'>();
  readonly #ready = Promise.withResolvers<void>();

  constructor(flags: Flags, { version, demo, dashboard }: UpSurroundings, terminal: Terminal) {
    this.#flags = flags;
    this.#terminal = terminal;
    this.#options = {
      path: flags.file ?? (flags.demo ? demo : ''),
      state: flags.state,
      ports: { api: flags.port, xds: flags.xdsPort },
      dataPlane: flags.dataPlane,
      dashboard: flags.dashboard ? dashboard : null,
      version,
      env: process.env,
      clock: systemClock,
      report: {
        process: (event) => this.#reportProcess(event),
        problems: (problems) => this.#reportProblems(problems),
        error: (error) => this.#say(`${paint(terminal, 'red', 'error')} ${describe(error)}`),
        ready: () => this.#ready.resolve(),
      },
    };
  }

  async run(): Promise<number> {
    if (this.#options.path === '') return this.#complain(new StartError('which YAML?', 'tulle up -f FOLDER'));
    this.#endOnSignals();
    let run: LocalRun;
    try {
      // Loaded when it is needed: the other commands start in no time without the control plane.
      const local = await import('../local/up.ts');
      run = await local.LocalRun.start(this.#options);
    } catch (error) {
      if (error instanceof StartError) return this.#complain(error);
      throw error;
    }
    try {
      this.#greet(run);
      await Promise.race([this.#ready.promise, this.#end.promise]);
      return await this.#stay(run);
    } finally {
      await run.stop();
    }
  }

  async #stay(run: LocalRun): Promise<number> {
    const { for: seconds, json } = this.#flags;
    // Since the process began: loading counts.
    const took = (performance.now() / 1000).toFixed(1);
    this.#say(`${paint(this.#terminal, 'green', 'ready')} in ${took} s`);
    if (seconds === undefined) this.#suggest(run);
    else systemClock.after(seconds * 1000, () => this.#end.resolve('time'));
    if ((await this.#end.promise) === 'signal') {
      this.#say('stopping');
      return 0;
    }
    const { summary, faults } = await run.conclude();
    await run.stop();
    for (const fault of faults) this.#say(`${paint(this.#terminal, 'red', 'fault')} ${fault}`);
    const { requests, encrypted, failed, denied } = summary;
    if (json) this.#terminal.out(`${JSON.stringify(summary)}\n`);
    else this.#say(`${requests} requests, ${encrypted} encrypted, ${failed} failed, ${denied} denied`);
    return faults.length === 0 ? 0 : 1;
  }

  #greet({ control, dashboardUrl, apiUrl }: LocalRun): void {
    this.#say(`${paint(this.#terminal, 'bold', 'Tulle')} runs ${this.#options.path}\n`);
    this.#say(dashboardUrl === null ? row('API', apiUrl) : row('dashboard', dashboardUrl));
    for (const { name, listeners } of control.loop.state.fragment.gateways) {
      for (const { port } of listeners) this.#say(row(`gateway ${name}`, `http://127.0.0.1:${port}`));
    }
    this.#say(`${row('state and logs', this.#options.state)}\n`);
  }

  #suggest(run: LocalRun): void {
    const isDemo = this.#flags.demo === true && this.#flags.file === undefined;
    const commands = isDemo ? demoCommands(run) : generalCommands;
    this.#say('\n  try next');
    for (const command of commands) this.#say(`  ${paint(this.#terminal, 'bold', command)}`);
    this.#say('Ctrl-C stops everything\n');
  }

  #reportProcess(event: ProcessEvent): void {
    if (event.kind === 'started') return;
    const { name, reason, again, logFile } = event;
    const title = paint(this.#terminal, 'yellow', 'ended');
    this.#say(`${title} ${name}: ${reason}; starts again in ${(again / 1000).toFixed(1)} s (log: ${logFile})`);
  }

  /** Each problem once, when it comes; notes stay with `tulle problems`. */
  #reportProblems(problems: readonly Problem[]): void {
    const grave = problems.filter(({ severity }) => severity !== 'info');
    const lines = grave.map((problem) => describeProblems(this.#terminal, [problem]).trimEnd());
    for (const line of lines) if (!this.#shown.includes(line)) this.#say(line);
    if (lines.length === 0 && this.#shown.length > 0)
      this.#say(`${paint(this.#terminal, 'green', 'solved')} no problem is left`);
    this.#shown = lines;
  }

  #complain(error: StartError): number {
    this.#say(`${paint(this.#terminal, 'red', 'error')} ${describe(error)}`);
    return 1;
  }

  #say(line: string): void {
    this.#terminal.error(`  ${line}\n`);
  }

  /** The first signal stops in order; another one at once, and the guard ends what is left. */
  #endOnSignals(): void {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => {
        process.once(signal, () => process.exit(130));
        this.#end.resolve('signal');
      });
    }
  }
}

const generalCommands = ['./tulle get', './tulle stat', './tulle proxy list'];

const demoCommands = (run: LocalRun): string[] => [
  `curl http://127.0.0.1:${run.control.loop.state.fragment.gateways[0]?.listeners[0]?.port ?? 8080}/`,
  './tulle stat',
  './tulle explain --from frontend --to http://catalog/items',
];

const row = (title: string, value: string): string => `${title.padEnd(18)} ${value}`;

function describe(error: unknown): string {
  const text = error instanceof StartError ? `${error.message} (hint: ${error.hint})` : String(error);
  return printable(text);
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= 86_400)) throw new InvalidArgumentError('seconds, more than 0.');
  return seconds;
}
