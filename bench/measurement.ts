// What a benchmark measures of one contestant, medians over rounds, and the table people read.

export type Measurement = {
  readonly scenario: string;
  readonly contestant: string;
  /** User and system time of all its processes, per request. */
  readonly cpuMicros: number;
  readonly requestsPerSecond: number;
  /** Microseconds, at half of Envoy's highest rate. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  /** Memory before load, after it, and while a thousand connections are open. */
  readonly idleBytes: number;
  readonly loadedBytes: number;
  readonly heldBytes: number;
};

/** `ratio` is CPU per request over Envoy's in the same run; null without Envoy. */
export type Summary = Measurement & { readonly ratio: number | null };

const REFERENCE = 'envoy';
const FIGURES = [
  'cpuMicros',
  'requestsPerSecond',
  'p50',
  'p99',
  'p999',
  'idleBytes',
  'loadedBytes',
  'heldBytes',
] as const;

const HEADER = [
  'scenario',
  'proxy',
  'CPU µs/req',
  'to Envoy',
  'req/s',
  'p50 ms',
  'p99 ms',
  'p99.9 ms',
  'idle MB',
  'loaded MB',
  '1,000 cx MB',
];

/** One row per scenario and contestant, in order of appearance: the median of every figure. */
export function summarize(measurements: readonly Measurement[]): Summary[] {
  const groups = Map.groupBy(measurements, ({ scenario, contestant }) => `${scenario}/${contestant}`);
  const medians = [...groups.values()].map((group): Measurement => {
    const figures = FIGURES.map((figure) => [figure, median(group.map((one) => one[figure]))]);
    return { ...group[0]!, ...(Object.fromEntries(figures) as Pick<Measurement, (typeof FIGURES)[number]>) };
  });
  return medians.map((row) => {
    const reference = medians.find(({ scenario, contestant }) => scenario === row.scenario && contestant === REFERENCE);
    return { ...row, ratio: reference === undefined ? null : row.cpuMicros / reference.cpuMicros };
  });
}

export function formatTable(rows: readonly Summary[]): string {
  const cells = rows.map((row) => [
    row.scenario,
    row.contestant,
    row.cpuMicros.toFixed(1),
    row.ratio === null ? '-' : row.ratio.toFixed(2),
    row.requestsPerSecond.toFixed(0),
    (row.p50 / 1000).toFixed(2),
    (row.p99 / 1000).toFixed(2),
    (row.p999 / 1000).toFixed(2),
    (row.idleBytes / 1e6).toFixed(0),
    (row.loadedBytes / 1e6).toFixed(0),
    (row.heldBytes / 1e6).toFixed(0),
  ]);
  return formatColumns(HEADER, cells, 2);
}

/** The first `names` columns are text. */
export function formatColumns(header: readonly string[], rows: readonly (readonly string[])[], names: number): string {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column < names ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ');
  return [header, ...rows].map((row) => line(row).trimEnd()).join('\n');
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
