// A DNS server for tests: answers what it is told to over UDP, and remembers what it was asked.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';

const HEADER = 12;
const A = 1;
const AAAA = 28;
const NO_SUCH_NAME = 3;

export type DnsRecords = { readonly addresses: readonly string[]; readonly ttl: number };

export class DnsServer implements AsyncDisposable {
  readonly port: number;
  /** By name; a name that is not there does not exist. */
  readonly records = new Map<string, DnsRecords>();
  /** `name A` or `name AAAA`, in the order they came in. */
  readonly questions: string[] = [];
  /** Says nothing to anybody. */
  silent = false;
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.port = socket.address().port;
    socket.on('message', (question, from) => {
      const answer = this.#answer(question);
      if (answer !== null) socket.send(answer, from.port, from.address);
    });
  }

  static async start(): Promise<DnsServer> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new DnsServer(socket);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await once(this.#socket, 'close');
  }

  /** RFC 1035, section 4: the question comes back with the answers behind it. */
  #answer(question: Buffer): Buffer | null {
    const { name, type, end } = readQuestion(question);
    this.questions.push(`${name} ${type === AAAA ? 'AAAA' : 'A'}`);
    if (this.silent) return null;
    const records = this.records.get(name);
    const wanted = (records?.addresses ?? []).filter((address) => (isIPv6(address) ? AAAA : A) === type);
    const head = Buffer.from(question.subarray(0, HEADER));
    head.writeUInt16BE(0x8580 | (records === undefined ? NO_SUCH_NAME : 0), 2);
    head.writeUInt16BE(wanted.length, 6);
    head.writeUInt32BE(0, 8);
    const answers = wanted.map((address) => record(address, type, records!.ttl));
    return Buffer.concat([head, question.subarray(HEADER, end), ...answers]);
  }
}

function readQuestion(message: Buffer): { readonly name: string; readonly type: number; readonly end: number } {
  const labels: string[] = [];
  let at = HEADER;
  for (let length = message[at]!; length > 0; length = message[at]!) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: message.readUInt16BE(at + 1), end: at + 5 };
}

/** Its name is that of the question. */
function record(address: string, type: number, ttl: number): Buffer {
  const data = type === AAAA ? v6Bytes(address) : Buffer.from(address.split('.').map(Number));
  const fields = Buffer.alloc(HEADER);
  fields.writeUInt16BE(0xc000 | HEADER, 0);
  fields.writeUInt16BE(type, 2);
  fields.writeUInt16BE(1, 4);
  fields.writeUInt32BE(ttl, 6);
  fields.writeUInt16BE(data.length, 10);
  return Buffer.concat([fields, data]);
}

function v6Bytes(address: string): Buffer {
  const [front = '', back] = address.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)));
  const [before, after] = [groups(front), groups(back ?? '')];
  const all = [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
  const bytes = Buffer.alloc(16);
  all.forEach((group, i) => void bytes.writeUInt16BE(group, i * 2));
  return bytes;
}
