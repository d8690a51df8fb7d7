import { expect, test } from 'vitest';
import { WireBytes } from '../http/wire-bytes.ts';
import { MemorySocket } from '../testing/memory-socket.ts';
import { Output } from './output.ts';
import { WireMeter } from './wire-meter.ts';

const CRLF = '\r\n';

function meter() {
  const output = new Output(new MemorySocket());
  const wire = new WireBytes();
  return { output, wire, meter: new WireMeter(wire, output) };
}

test.each([
  ['none', [], 0],
  ['one', ['host: a'], 'host:a\r\n'.length],
  ['spaces around a value', ['x-a: \t b ', 'x-b:c'], 'x-a:b\r\nx-b:c\r\n'.length],
  ['an empty value', ['x-a:'], 'x-a:\r\n'.length],
])('fields read: %s', (_name, fields, length) => {
  const { wire, meter: one } = meter();
  const lines = ['GET / HTTP/1.1', ...fields].map((line) => line + CRLF).join('');
  one.readHead(lines);
  expect(wire).toMatchObject({ received: lines.length + 2, headersReceived: length, decompressedReceived: length });
});

test('what is held counts as said; a second attempt adds to the first', () => {
  const { output, wire, meter: one } = meter();
  const head = `HTTP/1.1 200 OK${CRLF}a: b${CRLF}${CRLF}`;
  output.begin(head, 'chunked');
  one.saidHead(head);
  output.body(Buffer.from('hello'));
  output.finish(null);
  one.said();
  expect(wire).toMatchObject({ sent: head.length + '5\r\nhello\r\n0\r\n\r\n'.length, headersSent: 6 });
  const sent = wire.sent;
  const again = new WireMeter(wire, output);
  output.begin(head, 'none');
  again.saidHead(head);
  expect(wire).toMatchObject({ sent: sent + head.length, headersSent: 12 });
});
