// Loaded into a proxy (`node --import`): SIGUSR2 ends its worker 1 as a fatal fault would.
import { isMainThread, workerData } from 'node:worker_threads';

const channel = new BroadcastChannel('end-worker');
if (isMainThread) process.on('SIGUSR2', () => channel.postMessage('now'));
else if (workerData.index === 1) channel.onmessage = () => process.exit(7);
channel.unref();
