// The identity agent beside a proxy that is not ours: gets and renews the certificate, serves it over SDS, runs the proxy.
//   agent.ts --ca HOST:PORT --root FILE --token FILE --identity SPIFFE --socket PATH -- envoy -c FILE
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { Command } from 'commander';
import { pino } from 'pino';
import { IdentityAgent } from '../identity/agent.ts';
import { caClient } from '../identity/ca-client.ts';
import { serveSecrets } from '../identity/sds-server.ts';
import { formatSpiffe, parseSpiffe } from '../identity/spiffe.ts';
import { systemClock } from '../lib/clock.ts';

type Flags = {
  readonly ca: string;
  readonly root: string;
  readonly token: string;
  readonly identity: string;
  readonly socket: string;
  readonly logLevel: string;
};

const program: Command = new Command('agent')
  .description('gets and renews a workload certificate, serves it over SDS, and runs a proxy beside it')
  .requiredOption('--ca <host:port>', 'the certificate authority')
  .requiredOption('--root <file>', 'PEM of the mesh root')
  .requiredOption('--token <file>', 'the join token')
  .requiredOption('--identity <spiffe id>', 'the identity to ask for')
  .requiredOption('--socket <path>', 'where to serve secrets (SDS)')
  .option('--log-level <level>', 'trace, debug, info, warn or error', 'info')
  .argument('[command...]', 'the proxy to run, after --')
  .parse();

await main(program.opts<Flags>(), program.args);

async function main(flags: Flags, command: readonly string[]): Promise<void> {
  const log = pino({ name: 'agent', level: flags.logLevel }, pino.destination(2));
  const identity = parseSpiffe(flags.identity);
  if (identity === null)
    program.error(`--identity: ${flags.identity} is not spiffe://<trust domain>/ns/<namespace>/sa/<name>`);
  const roots = await readFile(flags.root, 'utf8').catch((error: Error) => program.error(`--root: ${error.message}`));
  const agent = new IdentityAgent({
    identity: formatSpiffe(identity),
    roots,
    token: () => readFile(flags.token, 'utf8'),
    request: caClient({ address: flags.ca, roots }),
    clock: systemClock,
    random: Math.random,
    log,
  });
  const server = await serveSecrets(agent, flags.socket, log);
  // Timers of the agent do not keep the process alive; its work does.
  const alive = setInterval(() => undefined, 2 ** 31 - 1);
  const stopped = nextSignal();
  agent.start();
  await Promise.race([agent.ready(), stopped]);
  const code = await (command.length === 0 || agent.current() === null ? stopped : runProxy(command));
  agent.close();
  await server.close();
  clearInterval(alive);
  process.exit(code);
}

/** Resolves with 128 + the number of the first signal that asks us to end. */
function nextSignal(): Promise<number> {
  return new Promise((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => resolve(128 + constants.signals[name]));
  });
}

/** Resolves with its exit code. Signals are its business: it drains as it is configured to. */
function runProxy([file = '', ...args]: readonly string[]): Promise<number> {
  const child = spawn(file, args, { stdio: 'inherit' });
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => child.kill(name));
  return new Promise((resolve) => {
    child.once('error', (error) => {
      process.stderr.write(`agent: cannot run ${file}: ${error.message}\n`);
      resolve(127);
    });
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}
