// Random UUIDs (RFC 9562 section 5.4), many at a time: one look at the system's randomness and one string for 128 of them. Those given out
// are parts of that string.
import { randomFillSync } from 'node:crypto';

const BATCH = 128;
const LENGTH = 36;
const random = Buffer.alloc(BATCH * 16);
const text = Buffer.alloc(BATCH * LENGTH);
const HEX = Buffer.from('0123456789abcdef');
/** Where the 32 digits stand in xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx. */
const DIGITS = Uint8Array.from(Array.from({ length: LENGTH }, (_, i) => i).filter((i) => ![8, 13, 18, 23].includes(i)));

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
  text.fill('-');
  for (let i = 0; i < BATCH; i++) {
    random[i * 16 + 6] = (random[i * 16 + 6]! & 0x0f) | 0x40;
    random[i * 16 + 8] = (random[i * 16 + 8]! & 0x3f) | 0x80;
    for (let digit = 0; digit < 32; digit++) {
      const byte = random[i * 16 + (digit >> 1)]!;
      text[i * LENGTH + DIGITS[digit]!] = HEX[digit % 2 === 0 ? byte >> 4 : byte & 15]!;
    }
  }
  batch = text.toString('latin1');
  next = 0;
}
