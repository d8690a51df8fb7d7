// Random UUIDs (RFC 9562 section 5.4), many at a time: one look at the system's randomness and one string for 128 of them. Those given out
// are parts of that string.
import { randomFillSync } from 'node:crypto';

const BATCH = 128;
const LENGTH = 36;
const random = Buffer.alloc(BATCH * 16);
/** The hyphens stay from batch to batch. */
const text = Buffer.alloc(BATCH * LENGTH, '-');
/** The two digits of every byte. */
const DIGITS = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0')).join(''));
/** Where those of the 16 bytes stand in xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx. */
const PLACES = Uint8Array.of(0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34);

let batch = '';
let next = BATCH;

export function newRequestId(): string {
  if (next === BATCH) refill();
  const start = next * LENGTH;
  next += 1;
  return batch.slice(start, start + LENGTH);
}

function refill(): void {
  randomFillSync(random);
  for (let i = 0; i < BATCH; i++) {
    random[i * 16 + 6] = (random[i * 16 + 6]! & 0x0f) | 0x40;
    random[i * 16 + 8] = (random[i * 16 + 8]! & 0x3f) | 0x80;
    for (let nth = 0; nth < 16; nth++) {
      const digits = random[i * 16 + nth]! * 2;
      const at = i * LENGTH + PLACES[nth]!;
      text[at] = DIGITS[digits]!;
      text[at + 1] = DIGITS[digits + 1]!;
    }
  }
  batch = text.toString('latin1');
  next = 0;
}
