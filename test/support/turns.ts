// What has arrived at this process is heard: connections are accepted and bytes are read in turns of the event loop. A proxy that answered its
// client after it had sent something elsewhere has sent it, and yet nobody here may have read it when the answer is read.
import { setImmediate as turn } from 'node:timers/promises';

const TURNS = 10;

export async function hearAll(): Promise<void> {
  for (let i = 0; i < TURNS; i++) await turn();
}
