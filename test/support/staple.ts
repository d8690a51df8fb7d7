// OCSP responses for tests: well-formed, and signed by nobody.
import { X509Certificate } from 'node:crypto';

export type StapleInit = {
  /** Milliseconds since the epoch; null: it says none. */
  readonly nextUpdate?: number | null;
  /** 0 is successful. */
  readonly status?: number;
  /** Hex. */
  readonly serial?: string;
};

export function makeStaple(certificate: string, init: StapleInit = {}): Buffer {
  const { nextUpdate = Date.now() + 3_600_000, status = 0 } = init;
  const serial = init.serial ?? new X509Certificate(certificate).serialNumber;
  const even = serial.length % 2 === 0 ? serial : `0${serial}`;
  const about = sequence(
    sequence(hexElement(0x06, '2b0e03021a')),
    element(0x04, Buffer.alloc(20, 1)),
    element(0x04, Buffer.alloc(20, 2)),
    hexElement(0x02, Number.parseInt(even.slice(0, 2), 16) > 127 ? `00${even}` : even),
  );
  const single = sequence(
    about,
    element(0x80, Buffer.alloc(0)),
    time(Date.now() - 3_600_000),
    ...(nextUpdate === null ? [] : [element(0xa0, time(nextUpdate))]),
  );
  const data = sequence(element(0xa2, element(0x04, Buffer.alloc(20, 3))), time(Date.now()), sequence(single));
  const basic = sequence(data, sequence(hexElement(0x06, '2a8648ce3d040302')), element(0x03, Buffer.alloc(9)));
  const body = sequence(hexElement(0x06, '2b0601050507300101'), element(0x04, basic));
  const answer = element(0x0a, Buffer.from([status]));
  return status === 0 ? sequence(answer, element(0xa0, body)) : sequence(answer);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return element(0x30, Buffer.concat(parts));
}

function hexElement(tag: number, hex: string): Buffer {
  return element(tag, Buffer.from(hex, 'hex'));
}

function element(tag: number, body: Buffer): Buffer {
  const { length } = body;
  const size =
    length < 128
      ? Buffer.from([length])
      : length < 256
        ? Buffer.from([0x81, length])
        : Buffer.from([0x82, length >> 8, length & 255]);
  return Buffer.concat([Buffer.from([tag]), size, body]);
}

function time(at: number): Buffer {
  return element(0x18, Buffer.from(`${new Date(at).toISOString().slice(0, 19).replaceAll(/[-T:]/g, '')}Z`, 'latin1'));
}
