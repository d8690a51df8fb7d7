// What an endpoint says of its load with a response (ORCA): `endpoint-load-metrics` as TEXT, JSON or BIN, or `endpoint-load-metrics-bin`, in its
// headers or trailers.
import { fromBinary, fromJsonString } from '@bufbuild/protobuf';
import { OrcaLoadReportSchema } from '../../xds/gen/xds/data/orca/v3/orca_load_report_pb.ts';
import type { LoadReport } from '../balance/reported-load.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { Host } from './host.ts';

/** Whether they tell. */
export function hearLoad(host: Host, headers: HeaderMap): boolean {
  const load = readLoad(headers);
  if (load === null) return false;
  host.load?.report(load, host.cluster.now());
  return true;
}

/** null: nothing is said, or nothing that can be read: an endpoint that garbles its reports is one that makes none. */
export function readLoad(headers: HeaderMap): LoadReport | null {
  const binary = headers.get('endpoint-load-metrics-bin');
  if (binary !== undefined) return readBinary(binary);
  const said = headers.get('endpoint-load-metrics');
  if (said === undefined) return null;
  const text = said.slice(5);
  if (said.startsWith('TEXT ')) return readText(text);
  if (said.startsWith('JSON ')) return parsed(() => fromJsonString(OrcaLoadReportSchema, text));
  return said.startsWith('BIN ') ? readBinary(said.slice(4)) : null;
}

/** Also without padding, as gRPC sends it. */
function readBinary(base64: string): LoadReport | null {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return null;
  return parsed(() => fromBinary(OrcaLoadReportSchema, Buffer.from(base64, 'base64')));
}

function parsed(parse: () => LoadReport): LoadReport | null {
  try {
    return parse();
  } catch {
    return null;
  }
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const FIELDS: Readonly<Record<string, keyof Numbers>> = {
  cpu_utilization: 'cpuUtilization',
  mem_utilization: 'memUtilization',
  application_utilization: 'applicationUtilization',
  eps: 'eps',
  rps_fractional: 'rpsFractional',
};

type Numbers = Omit<LoadReport, 'namedMetrics' | 'utilization' | 'requestCost'>;

/** `cpu_utilization: 0.3, named_metrics.queue: 7`: one word that is not known, or is there twice, and none of them counts. */
function readText(text: string): LoadReport | null {
  const numbers: Record<keyof Numbers, number> = {
    cpuUtilization: 0,
    memUtilization: 0,
    applicationUtilization: 0,
    eps: 0,
    rpsFractional: 0,
  };
  const namedMetrics: Record<string, number> = {};
  const seen = new Set<string>();
  for (const part of text.split(',')) {
    if (part.trim() === '') continue;
    const colon = part.indexOf(':');
    const name = part.slice(0, colon).trimStart();
    const value = part.slice(colon + 1).trim();
    if (colon < 0 || seen.has(name) || !NUMBER.test(value) || !Number.isFinite(Number(value))) return null;
    seen.add(name);
    const named = /^named_metrics\.(.+)$/.exec(name)?.[1];
    const field = FIELDS[name];
    if (named !== undefined) namedMetrics[named] = Number(value);
    else if (field !== undefined) numbers[field] = Number(value);
    else return null;
  }
  return { ...numbers, namedMetrics, utilization: {}, requestCost: {} };
}
