// Requests of a worker that wait for a part of the configuration: only the main thread speaks to the control plane.
import type { ClusterOutcome, ClusterQuestion, OnDemand } from '../config/on-demand.ts';
import { HeaderMap } from '../http/headers.ts';

export type Wish = { readonly wish: number } & (
  | { readonly kind: 'cluster'; readonly question: ClusterQuestion; readonly metadata: string[] | null }
  | { readonly kind: 'virtual host'; readonly table: string; readonly host: string }
);

/** A virtual host has no outcome: it counts as used. */
type Done = (outcome: ClusterOutcome) => void;

/** The worker's side. */
export class Wishes implements OnDemand {
  readonly #send: (wish: Wish) => void;
  readonly #waiting = new Map<number, Done>();
  #made = 0;

  constructor(send: (wish: Wish) => void) {
    this.#send = send;
  }

  cluster(question: ClusterQuestion, done: Done): void {
    const { place } = question.source;
    const metadata = place.kind === 'stream' ? place.stream.target.metadata : null;
    this.#send({
      kind: 'cluster',
      wish: this.#wait(done),
      question: withMetadata(question, null),
      metadata: metadata && [...metadata].flat(),
    });
  }

  virtualHost(table: string, host: string, done: () => void): void {
    this.#send({ kind: 'virtual host', wish: this.#wait(done), table, host });
  }

  /** The main thread has nothing more to say to it. */
  granted(wish: number, outcome: ClusterOutcome): void {
    const done = this.#waiting.get(wish);
    this.#waiting.delete(wish);
    done?.(outcome);
  }

  #wait(done: Done): number {
    this.#made += 1;
    this.#waiting.set(this.#made, done);
    return this.#made;
  }
}

/** The main thread's side. */
export function grant(wish: Wish, onDemand: OnDemand, granted: Done): void {
  if (wish.kind === 'virtual host') onDemand.virtualHost(wish.table, wish.host, () => granted('used'));
  else onDemand.cluster(withMetadata(wish.question, wish.metadata && new HeaderMap(wish.metadata)), granted);
}

/** A `HeaderMap` does not survive being sent to another thread. */
function withMetadata(question: ClusterQuestion, metadata: HeaderMap | null): ClusterQuestion {
  const { source } = question;
  const { place } = source;
  if (place.kind !== 'stream') return question;
  const stream = { ...place.stream, target: { ...place.stream.target, metadata } };
  return { ...question, source: { ...source, place: { kind: 'stream', stream } } };
}
