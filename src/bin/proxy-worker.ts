// A worker of a proxy with several: what `proxy.ts --concurrency N` runs in each of its threads.
import { parentPort, workerData } from 'node:worker_threads';
import { pino } from 'pino';
import { systemClock } from '../lib/clock.ts';
import { IdleMemory } from '../proxy/system/idle-memory.ts';
import { processMemory } from '../proxy/system/process-memory.ts';
import type { WorkerSeed } from '../proxy/workers/messages.ts';
import { serveWorker } from '../proxy/workers/worker.ts';

const seed = workerData as WorkerSeed;
if (parentPort === null) throw new Error('this is no worker thread (hint: start proxy.ts)');
const log = pino({ name: 'proxy', level: seed.logLevel }, pino.destination(2)).child({ worker: seed.index });
new IdleMemory(systemClock, processMemory()).start();
serveWorker(parentPort, seed, log);
