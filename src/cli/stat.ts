// `tulle stat`: golden metrics of every workload, or of every edge between two.
import { Command, InvalidArgumentError } from 'commander';
import type { Golden, GraphEdge, GraphNode, GraphResponse, WorkloadsResponse } from '../api/types.ts';
import { type Context, clientOf, printStructured, withApi, withOutput } from './context.ts';
import { latency, percent, rate } from './format.ts';
import { type Column, formatTable } from './table.ts';

type Options = { api: string; output: string; edges: boolean; watch: boolean; window: number };

export function statCommand({ terminal }: Context): Command {
  const command = new Command('stat')
    .description('requests, success, latencies and mutual TLS of every workload')
    .option('--edges', 'who calls whom instead', false)
    .option('--window <seconds>', 'time the figures cover, 1-600', parseWindow, 10)
    .option('-w, --watch', 'print again every second', false);
  return withOutput(withApi(command)).action(async (options: Options) => {
    const client = clientOf(options);
    const print = async (): Promise<void> => {
      const query = `window=${options.window}`;
      const answer = options.edges
        ? (await client.get<GraphResponse>(`/api/v1/graph?${query}`)).edges
        : (await client.get<WorkloadsResponse>(`/api/v1/workloads?${query}`)).workloads;
      if (options.watch && terminal.colour) terminal.out('\u001b[H\u001b[2J');
      if (printStructured(terminal, options.output, answer)) return;
      terminal.out(
        options.edges
          ? formatTable(terminal, edgeColumns, answer as readonly GraphEdge[])
          : formatTable(terminal, workloadColumns, answer as readonly GraphNode[]),
      );
    };
    await print();
    while (options.watch) {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      await print();
    }
  });
}

function parseWindow(text: string): number {
  const seconds = Number(text);
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= 600) return seconds;
  throw new InvalidArgumentError('It is a whole number of seconds, 1-600.');
}

function goldenColumns<Row>(of: (row: Row) => Golden): Column<Row>[] {
  const right = 'right';
  return [
    {
      title: 'SUCCESS',
      align: right,
      text: (row) => percent(of(row).success),
      style: (row) => ((of(row).success ?? 1) < 0.99 ? 'red' : null),
    },
    { title: 'RPS', align: right, text: (row) => rate(of(row).rate) },
    {
      title: 'DENIED',
      align: right,
      text: (row) => rate(of(row).denied),
      style: (row) => (of(row).denied > 0 ? 'yellow' : null),
    },
    { title: 'P50', align: right, text: (row) => latency(of(row).p50) },
    { title: 'P95', align: right, text: (row) => latency(of(row).p95) },
    { title: 'P99', align: right, text: (row) => latency(of(row).p99) },
    {
      title: 'MTLS',
      align: right,
      text: (row) => percent(of(row).encrypted),
      style: (row) => (of(row).encrypted === 1 ? 'green' : null),
    },
  ];
}

const workloadColumns: readonly Column<GraphNode>[] = [
  { title: 'NAMESPACE', text: ({ namespace }) => namespace },
  { title: 'NAME', text: ({ name }) => name },
  { title: 'VERSION', text: ({ version }) => version },
  ...goldenColumns<GraphNode>(({ inbound }) => inbound),
];

const edgeColumns: readonly Column<GraphEdge>[] = [
  { title: 'FROM', text: ({ from }) => from },
  { title: 'TO', text: ({ to }) => to },
  { title: 'SERVICE', text: ({ services }) => services.join(' ') },
  ...goldenColumns<GraphEdge>(({ golden }) => golden),
];
