// The statsd protocol over UDP, and DogStatsD's with tags. Only what was counted goes this way: statsd's timings are single values, and histograms
// here hold none.
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { NameTagger } from '../admin/statistic-tags.ts';
import type { StatsSinkConfig } from '../bootstrap/stats-sinks.ts';
import type { Report, Sink } from './reporter.ts';

type StatsdConfig = Extract<StatsSinkConfig, { kind: 'statsd' }>;

export class StatsdSink implements Sink {
  readonly #config: StatsdConfig;
  readonly #tagger: NameTagger;
  readonly #socket: Socket;

  constructor(config: StatsdConfig, tagger: NameTagger) {
    this.#tagger = tagger;
    this.#config = config;
    this.#socket = createSocket(isIPv6(config.address) ? 'udp6' : 'udp4');
    // A collector that is not there is no fault of ours; its figures come again.
    this.#socket.on('error', () => undefined);
    this.#socket.unref();
  }

  send(report: Report): void {
    const { address, port, datagram, prefix, tagged } = this.#config;
    const lines = statsdLines(report, prefix, this.#tagger, tagged);
    for (const text of datagrams(lines, datagram)) this.#socket.send(text, port, address);
  }

  close(): void {
    this.#socket.close();
  }
}

export function* statsdLines(
  { counters, gauges }: Report,
  prefix: string,
  tagger: NameTagger,
  tagged: boolean,
): IterableIterator<string> {
  const line = (name: string, value: number, kind: 'c' | 'g'): string => {
    if (!tagged) return `${prefix}.${plain(name)}:${value}|${kind}`;
    const { name: short, tags } = tagger(name);
    const shown = tags.map(([tag, of]) => `${tag}:${of.replace(/[|,\n]/g, '_')}`).join(',');
    return `${prefix}.${plain(short)}:${value}|${kind}${shown === '' ? '' : `|#${shown}`}`;
  };
  for (const { name, delta } of counters) yield line(name, delta, 'c');
  for (const [name, value] of gauges) yield line(name, value, 'g');
}

/** Lines joined up to `limit` bytes; a line that is longer stands alone. */
export function* datagrams(lines: Iterable<string>, limit: number): IterableIterator<string> {
  let held = '';
  for (const line of lines) {
    if (held !== '' && held.length + 1 + line.length > limit) {
      yield held;
      held = line;
    } else held = held === '' ? line : `${held}\n${line}`;
  }
  if (held !== '') yield held;
}

/** Characters that mean something to statsd. */
function plain(name: string): string {
  return name.replace(/[:|@\n]/g, '_');
}
