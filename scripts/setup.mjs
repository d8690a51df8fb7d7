// Brings a clone into a state that can run: packages installed, the pinned Node among them, the dashboard built, the proxy bundled. Shared by
// `npm start`, `npm test` and the tests that start our proxy. Plain JavaScript for Node 18 and without dependencies: it runs before anything is installed.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** @typedef {{ doing: string, command: string[], help: string, due: () => string | null, done?: () => void }} Step */

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const pinnedNode = join(root, 'node_modules', '.bin', 'node');

const OLDEST_NODE = 18;
const lock = join(root, '.tulle', 'setup.lock');
const dashboard = join(root, 'dashboard');
const dashboardHash = join(dashboard, 'dist', '.sources');
const bundleStamp = join(root, 'dist', '.sources');
/** What the bundle is made of, and what makes it. */
const bundled = ['src', 'scripts/bundle.ts', 'package-lock.json'];

/** @type {Step} */
export const bundling = {
  doing: 'bundling the proxy',
  command: [pinnedNode, join('scripts', 'bundle.ts')],
  help: 'try `npm run bundle` by hand; removing node_modules repairs a damaged one',
  due: bundleStale,
  done: () => writeFileSync(bundleStamp, stampBundled()),
};

/** @type {readonly Step[]} In this order: the dashboard is built with what was installed. */
const everything = [
  {
    doing: 'installing packages',
    command: ['npm', 'ci', '--no-audit', '--no-fund', '--loglevel=error'],
    help: 'check that npm reaches its registry (`npm ping`), then try `npm ci` by hand',
    due: packagesMissing,
  },
  {
    doing: 'building the dashboard',
    command: ['npm', 'run', '--silent', 'build:dashboard'],
    help: 'try `npm run build:dashboard` by hand; removing node_modules repairs a damaged one',
    due: dashboardStale,
    done: () => writeFileSync(dashboardHash, hashDashboard()),
  },
  bundling,
];

/** Runs the steps that are due; `say` gets one line per step. Ends the process with a clear message when one fails. */
export async function setUp(say = (line) => process.stderr.write(`${line}\n`), steps = everything) {
  try {
    if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
      fail(
        `Node ${process.version} is too old`,
        `install Node ${OLDEST_NODE} or newer; Tulle brings its own to run on`,
      );
    }
    if (steps.some((step) => step.due() !== null)) await locked(() => performSteps(say, steps));
  } catch (error) {
    process.stderr.write(`\n  ${error.message}\n  hint: ${error.help ?? 'remove node_modules and try again'}\n`);
    process.exit(1);
  }
}

async function performSteps(say, steps) {
  for (const step of steps) {
    const reason = step.due();
    if (reason !== null) await perform(step, reason, say);
  }
}

async function perform(step, reason, say) {
  const started = Date.now();
  say(`  ${step.doing} (${reason}) …`);
  const { code, output } = await run(step.command);
  if (code !== 0) fail(`${step.doing} failed: \`${step.command.join(' ')}\` ended with ${code}\n${output}`, step.help);
  step.done?.();
  const still = step.due();
  if (still !== null) fail(`${step.doing} did not help: ${still}`, step.help);
  say(`  ${step.doing}: done in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

/** Why the installed packages are not those of package-lock.json, or null. npm writes its hidden lock file last, so a broken install has none. */
function packagesMissing() {
  const installed = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installed)) return 'none yet';
  const have = JSON.parse(readFileSync(installed, 'utf8')).packages;
  const want = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  for (const [path, { version, link, optional }] of Object.entries(want)) {
    if (!path.startsWith('node_modules/') || link || optional) continue;
    if (have[path]?.version !== version) return `${path.slice('node_modules/'.length)} ${version} is new`;
  }
  return existsSync(pinnedNode) ? null : 'the pinned Node is missing';
}

function dashboardStale() {
  if (!existsSync(join(dashboard, 'index.html'))) return null;
  if (!existsSync(join(dashboard, 'dist', 'index.html'))) return 'not built yet';
  const built = existsSync(dashboardHash) ? readFileSync(dashboardHash, 'utf8') : '';
  return built === hashDashboard() ? null : 'its sources changed';
}

function bundleStale() {
  if (!existsSync(bundleStamp)) return 'not made yet';
  return readFileSync(bundleStamp, 'utf8') === stampBundled() ? null : 'its sources changed';
}

/** By times, not contents: this is asked at every start, of two thousand files. */
function stampBundled() {
  const hash = createHash('sha256');
  for (const path of bundled.flatMap((name) => filesUnder(join(root, name)))) {
    const { mtimeMs, size } = statSync(path);
    hash.update(`${path.slice(root.length)} ${mtimeMs} ${size}\n`);
  }
  return hash.digest('hex');
}

function hashDashboard() {
  const hash = createHash('sha256');
  for (const file of filesUnder(dashboard)) hash.update(`${file.slice(dashboard.length)}\0`).update(readFileSync(file));
  return hash.digest('hex');
}

function filesUnder(folder) {
  if (statSync(folder).isFile()) return [folder];
  const names = readdirSync(folder).filter((name) => !['dist', 'node_modules'].includes(name) && !name.startsWith('.'));
  return names.sort().flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesUnder(path) : [path];
  });
}

/** npm's output is kept back: it is shown only when the command fails. */
function run([command, ...args]) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    child.on('error', (error) => resolve({ code: error.message, output }));
    child.on('close', (code, signal) => resolve({ code: code ?? signal, output }));
  });
}

/** One set-up at a time: `mkdir` is atomic; a lock whose owner is gone is taken over. */
async function locked(work) {
  mkdirSync(dirname(lock), { recursive: true });
  for (let waited = 0; !takeLock(); waited += 1) {
    if (waited === 0) process.stderr.write('  waiting for another set-up of this folder …\n');
    if (waited > 1200) fail('another set-up of this folder does not end', `remove ${lock}`);
    await sleep(250);
  }
  try {
    await work();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

function takeLock() {
  try {
    mkdirSync(lock);
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    if (ownerLives()) return false;
    rmSync(lock, { recursive: true, force: true });
    return false;
  }
  writeFileSync(join(lock, 'pid'), String(process.pid));
  return true;
}

function ownerLives() {
  try {
    const pid = Number(readFileSync(join(lock, 'pid'), 'utf8'));
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // No pid file yet: its owner made the folder a moment ago, or died there; after a second it is taken for dead.
    return error.code === 'ENOENT' ? lockAge() < 1000 : error.code === 'EPERM';
  }
}

function lockAge() {
  return existsSync(lock) ? Date.now() - statSync(lock).mtimeMs : 0;
}

function fail(what, help) {
  throw Object.assign(new Error(what), { help });
}
