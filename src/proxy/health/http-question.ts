// An HTTP health check: which request is sent, and which answers are good.
import type { CheckHeader, ProbeConfig, StatusRange } from '../config/health-check-types.ts';
import { HeaderMap } from '../http/headers.ts';
import type { RequestHead, ResponseHead } from '../http/message.ts';
import type { Question } from './exchange-probe.ts';
import { holdsInOrder, ILL, type ProbeResult, WELL } from './probe.ts';

type Config = Extract<ProbeConfig, { kind: 'http' }>;

export function httpQuestion(config: Config, authority: string, scheme: RequestHead['scheme']): Question {
  return {
    head: () => ({
      method: config.method,
      scheme,
      authority,
      path: config.path,
      protocol: config.protocol === 'http2' ? 'HTTP/2' : 'HTTP/1.1',
      upgrade: '',
      headers: checkHeaders(config.addHeaders, config.removeHeaders),
    }),
    body: null,
    bodyLimit: config.receive.length > 0 ? config.responseBufferSize : 0,
    judge: (head, body) => judge(config, head, body),
  };
}

/** Those that every check bears, as the configuration changes them. */
export function checkHeaders(add: readonly CheckHeader[], remove: readonly string[]): HeaderMap {
  const headers = new HeaderMap(['user-agent', 'Envoy/HC']);
  for (const { name, value, append } of add) {
    if (append) headers.append(name, value);
    else headers.set(name, value);
  }
  for (const name of remove) headers.remove(name);
  return headers;
}

function judge(config: Config, { status, headers }: ResponseHead, body: Buffer): ProbeResult {
  if (!isIn(config.expected, status)) return { kind: 'unhealthy', retriable: isIn(config.retriable, status), status };
  if (!holdsInOrder(body, config.receive)) return { ...ILL, status };
  if (config.service !== null && !config.service(headers.get('x-envoy-upstream-healthchecked-cluster') ?? ''))
    return { ...ILL, status };
  return headers.has('x-envoy-degraded') ? { kind: 'healthy', degraded: true } : WELL;
}

function isIn(ranges: readonly StatusRange[], status: number): boolean {
  return ranges.some(({ start, end }) => status >= start && status < end);
}
