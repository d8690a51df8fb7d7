// What the proxy at an endpoint does with a request: transport, then policies.
import type { FilterChainConfig, ListenerConfig } from '../proxy/config/types.ts';
import type { RequestHead } from '../proxy/http/message.ts';
import { type Ending, type Step, step } from './explanation.ts';
import { originIn } from './origin.ts';
import { judge } from './policies.ts';
import { normalize, rehearse } from './rehearsal.ts';

export type Arrival = {
  /** As the client's proxy sends it. */
  readonly head: RequestHead;
  /** Whether the client's proxy speaks TLS to this endpoint. */
  readonly tls: boolean;
  readonly identity: string;
  /** For messages: `catalog-v1 (10.0.0.1:8080)`. */
  readonly where: string;
};

export type Served = { readonly steps: readonly Step[]; readonly ending: Omit<Ending, 'share'> };

export function serve(listener: ListenerConfig, { head, tls, identity, where }: Arrival): Served {
  const origin = originIn(listener.metadata);
  const chain = chooseChain(listener, tls);
  if (chain === null || (chain.tls === null) === tls) {
    const text = tls ? `${where} takes no TLS` : `${where} takes mutual TLS only`;
    return { steps: [step('transport', 'refused', text, origin)], ending: { verdict: 'failed', status: 503, text } };
  }
  const spoken = tls ? `mutual TLS to ${where} as ${identity}` : `plain text to ${where}`;
  const steps = [step('transport', 'passed', spoken, origin)];
  const exchange = rehearse(head, tls ? identity : null);
  if (chain.network.kind !== 'http') {
    const text = `${where} takes connections without looking at requests`;
    return { steps, ending: { verdict: 'forwarded', status: null, text } };
  }
  const { http } = chain.network;
  if (!normalize(exchange, http)) {
    const text = `${where} refuses the path ${head.path}`;
    return { steps: [...steps, step('policy', 'refused', text)], ending: { verdict: 'answered', status: 400, text } };
  }
  const judged = judge(listener, http, exchange, where);
  return {
    steps: [...steps, ...judged.steps],
    ending: judged.refusal ?? { verdict: 'forwarded', status: null, text: `forwarded to ${where}` },
  };
}

/** A chain for the transport if there is one, else one for any. */
function chooseChain(listener: ListenerConfig, tls: boolean): FilterChainConfig | null {
  const transport = tls ? 'tls' : 'raw_buffer';
  const find = (wanted: string) => listener.chains.find(({ match }) => match.transport === wanted);
  return (looksForTls(listener) ? find(transport) : undefined) ?? find('') ?? listener.defaultChain;
}

function looksForTls({ listenerFilters }: ListenerConfig): boolean {
  return listenerFilters.some(({ kind }) => kind === 'tls-inspector');
}
