// Runs inside a network namespace of its own: starts the proxy of `argv` (a JSON array), connects to addresses that are redirected to it, and prints
// who answered.
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { waitFor } from '../../support/wait-for.ts';

/** Connections to each address: so many that no worker gets none of them. */
const TIMES = 6;

const [command = '[]', admin = '', addresses = ''] = process.argv.slice(2);
const [program = '', ...args] = JSON.parse(command) as string[];
const proxy = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
try {
  const ready = async () => proxy.exitCode !== null || (await fetch(`http://127.0.0.1:${admin}/ready`)).ok;
  await waitFor('the proxy', ready, { deadline: 30_000 });
  if (proxy.exitCode !== null) throw new Error(`the proxy ended with ${proxy.exitCode}`);
  const answers = await Promise.all(addresses.split(',').map(async (address) => [address, await askOften(address)]));
  console.log(JSON.stringify(Object.fromEntries(answers)));
} finally {
  proxy.kill('SIGKILL');
}

/** Several workers must all say the same. */
async function askOften(address: string): Promise<string> {
  const answers = await Promise.all(Array.from({ length: TIMES }, () => ask(address)));
  return [...new Set(answers)].join(' or ');
}

function ask(address: string): Promise<string> {
  const at = address.lastIndexOf(':');
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ host: address.slice(0, at), port: Number(address.slice(at + 1)) });
    socket.on('data', (bytes) => {
      text += bytes.toString();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on('close', () => resolve(text));
  });
}
