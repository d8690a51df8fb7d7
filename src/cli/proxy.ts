// `tulle proxy list` and `tulle proxy config`.
import { Command } from 'commander';
import type { ProxiesResponse, ProxyStatus } from '../api/types.ts';
import { type Context, clientOf, printStructured, withApi, withOutput } from './context.ts';
import { proxyConfigCommand } from './proxy-config.ts';
import { type Column, formatTable } from './table.ts';
import type { Style } from './terminal.ts';

export function proxyCommand(context: Context): Command {
  return new Command('proxy')
    .description('the proxies and what they run')
    .addCommand(proxyListCommand(context))
    .addCommand(proxyConfigCommand(context));
}

function proxyListCommand({ terminal }: Context): Command {
  const command = new Command('list').description(
    'every proxy: its data plane, whether it is connected and up to date',
  );
  return withOutput(withApi(command)).action(async (options: { api: string; output: string }) => {
    const { proxies } = await clientOf(options).get<ProxiesResponse>('/api/v1/proxies');
    if (!printStructured(terminal, options.output, proxies)) terminal.out(formatTable(terminal, columns, proxies));
  });
}

/** The worst of its types: `not connected`, `rejected cluster`, `pending routes`, `synced`. */
function syncText({ connected, sync, dataPlane }: ProxyStatus): string {
  // A gRPC server that calls nobody never asks.
  if (!connected) return dataPlane === 'proxyless' ? 'not asking' : 'not connected';
  for (const state of ['rejected', 'pending'] as const) {
    const types = sync.filter((type) => type.state === state).map(({ type }) => type);
    if (types.length > 0) return `${state} ${types.join(',')}`;
  }
  return 'synced';
}

function styleOf(proxy: ProxyStatus): Style | null {
  const text = syncText(proxy);
  if (text === 'not asking') return null;
  return text === 'synced' ? 'green' : 'red';
}

const columns: readonly Column<ProxyStatus>[] = [
  { title: 'NAMESPACE', text: ({ namespace }) => namespace },
  { title: 'NAME', text: ({ name }) => name },
  { title: 'DATA PLANE', text: ({ dataPlane }) => dataPlane },
  { title: 'SYNC', text: syncText, style: styleOf },
  { title: 'ADMIN', text: ({ admin }) => admin },
  { title: 'IDENTITY', text: ({ identity }) => identity },
  { title: 'CERTIFICATE EXPIRES', text: ({ certificateExpires }) => certificateExpires?.replace('.000Z', 'Z') ?? '' },
];
