// What is read of a ClientHello, however it comes: in pieces, and in records of any size.
import { describe, expect, test, vi } from 'vitest';
import { isHello, readHello } from './tls-inspector.ts';

const withLength = (size: number, ...parts: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  const length = Buffer.alloc(size);
  length.writeUIntBE(body.length, 0, size);
  return Buffer.concat([length, body]);
};
const extension = (type: number, body: Buffer) => Buffer.concat([Buffer.from([0, type]), withLength(2, body)]);
const nameOf = (name: string) =>
  extension(0, withLength(2, Buffer.from([0]), withLength(2, Buffer.from(name, 'latin1'))));
const protocols = (...names: readonly string[]) =>
  extension(16, withLength(2, ...names.map((name) => withLength(1, Buffer.from(name, 'latin1')))));

function message(...extensions: readonly Buffer[]): Buffer {
  const head = [Buffer.from([3, 3]), Buffer.alloc(32), withLength(1), withLength(2, Buffer.from([0x13, 1]))];
  const body = Buffer.concat([...head, withLength(1, Buffer.from([0])), withLength(2, ...extensions)]);
  return Buffer.concat([Buffer.from([1]), withLength(3, body)]);
}

/** So many bytes of the message in each record. */
function records(whole: Buffer, size: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < whole.length; at += size) {
    parts.push(Buffer.from([0x16, 3, 1]), withLength(2, whole.subarray(at, at + size)));
  }
  return Buffer.concat(parts);
}

const HELLO = message(nameOf('Web.test'), protocols('h2', 'http/1.1'));
const FOUND = { transport: 'tls', serverName: 'web.test', applicationProtocols: ['h2', 'http/1.1'] };

describe('a hello', () => {
  test.each([1, 2, 3, 4, 5, 50, 16_384])('in records of %i bytes, cut anywhere', (size) => {
    const bytes = records(HELLO, size);
    for (let end = 1; end < bytes.length; end += 1) expect(readHello(bytes.subarray(0, end))).toBe(null);
    expect(readHello(bytes)).toEqual(FOUND);
  });

  test('its bytes are put together once, however many records they come in', () => {
    const bytes = records(
      message(nameOf('a'.repeat(250)), protocols(...Array.from({ length: 60 }, () => 'p'.repeat(200)))),
      1,
    );
    const joining = vi.spyOn(Buffer, 'concat');
    expect(readHello(bytes)).toMatchObject({ serverName: 'a'.repeat(250) });
    expect(joining.mock.calls.length).toBeLessThanOrEqual(2);
    joining.mockRestore();
  });

  test.each([
    ['no extensions', message(), ''],
    ['a name without an end', message(Buffer.from([0, 0, 0, 9, 0, 9, 0, 0xff, 0xff])), ''],
    ['an empty name', message(nameOf('')), ''],
  ])('%s', (_name, whole, serverName) => {
    expect(readHello(records(whole, 16_384))).toMatchObject({ transport: 'tls', serverName });
  });
});

test.each([
  ['plain text', Buffer.from('GET / HTTP/1.1\r\n'), 'raw_buffer'],
  ['another message', records(Buffer.from([2, 0, 0, 0]), 4), 'tls'],
  ['another record behind the first', Buffer.from('160301000201001703010000', 'hex'), 'tls'],
  ['a hello with nothing in it', records(Buffer.from([1, 0, 0, 1, 0xff]), 5), 'tls'],
])('no hello: %s', (_name, bytes, transport) => {
  const read = readHello(bytes);
  expect(read).toMatchObject({ transport, serverName: '' });
  expect(isHello(read!)).toBe(false);
});
