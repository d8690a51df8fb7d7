// Annotations of a pod that say how many threads its proxy carries traffic in: Istio's `concurrency`, and the CPU limit of Linkerd's proxy,
// which has a thread for each whole core of it.
import { parse, YAMLError } from 'yaml';
import type { Fields } from '../field/fields.ts';
import { bad, good, type Parser } from '../field/parser.ts';
import { count, quantity } from '../field/values.ts';

const ISTIO = 'proxy.istio.io/config';
const LINKERD = 'config.linkerd.io/proxy-cpu-limit';

/** 0: one for each core. null: nothing is said. */
export function readProxyThreads(annotations: Fields): number | null {
  const config = annotations.get(ISTIO, proxyConfig);
  const limit = annotations.get(LINKERD, quantity);
  for (const field of config?.others ?? []) annotations.warn(ISTIO, 'unsupported', `${field} is not applied yet`);
  return config?.concurrency ?? (limit === null ? null : Math.max(1, Math.ceil(limit)));
}

type ProxyConfig = { readonly concurrency: number | null; readonly others: readonly string[] };

/** YAML or JSON in a text (ProxyConfig of Istio's MeshConfig). */
const proxyConfig: Parser<ProxyConfig> = (raw) => {
  const found = typeof raw === 'string' ? parseYaml(raw) : null;
  if (typeof found !== 'object' || found === null || Array.isArray(found))
    return bad('is not the YAML of a ProxyConfig', 'as in "concurrency: 2"');
  const { concurrency, ...others } = found as Readonly<Record<string, unknown>>;
  const threads = concurrency == null ? good(null) : count(concurrency);
  return threads.ok
    ? good({ concurrency: threads.value, others: Object.keys(others) })
    : bad(`concurrency: ${threads.message}`, threads.hint);
};

/** null: it is none. */
function parseYaml(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof YAMLError) return null;
    throw error;
  }
}
