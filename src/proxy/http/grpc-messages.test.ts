import fc from 'fast-check';
import { expect, test } from 'vitest';
import { frameMessage, MessageReader } from './grpc-messages.ts';
import '../../../test/support/same-cases.ts';

const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 });

test('messages come whole and in order, however the stream is cut and although the reader is lent its chunks', () => {
  fc.assert(
    fc.property(messages, fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (sent, cuts) => {
      const received: Buffer[] = [];
      const reader = new MessageReader(40, (message) => received.push(Buffer.from(message)));
      const stream = Buffer.concat(sent.map(frameMessage));
      const lent = Buffer.alloc(20);
      for (let at = 0, nth = 0; at < stream.length; nth += 1) {
        const size = Math.min(cuts[nth % cuts.length]!, stream.length - at);
        stream.copy(lent, 0, at, at + size);
        expect(reader.push(lent.subarray(0, size))).toBe('');
        at += size;
      }
      expect(received).toEqual(sent.map((one) => Buffer.from(one)));
    }),
  );
});

test('a length over the limit is refused before its bytes are awaited', () => {
  const reader = new MessageReader(10, () => undefined);
  expect(reader.push(frameMessage(Buffer.alloc(11)).subarray(0, 5))).toBe('a message of 11 bytes is over 10');
});
