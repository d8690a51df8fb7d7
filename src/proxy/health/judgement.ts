// What answers say about endpoints, in a proxy with several threads: all count in shared memory, one is the judge, the others are witnesses.
// So an endpoint is left out by all at once, after as many failures and for as long as one thread would leave it out, and the limit on how
// many may be left out is that of the whole proxy.
import type { SharedCounts } from '../../lib/shared-counts.ts';
import type { Evidence, Judgement, Party, Verdict } from '../cluster/judgement.ts';

type Place = { readonly cluster: string; readonly host: string };

/** null: nothing is held against an endpoint that went. */
export type VerdictReport = Place & { readonly verdict: Verdict | null };

export type EvidenceNote = Place & { readonly evidence: Evidence };

/** How a cluster takes part. */
export type EnterCourt = (party: Party) => Judgement;

export type JudgeOptions = {
  readonly counts: SharedCounts;
  readonly report: (report: VerdictReport) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
};

/** Milliseconds until nobody can still be counting for an endpoint that is gone here: a thread that says nothing for so long is ended. */
const LAST_COUNT = 60_000;

export class Judge {
  readonly #options: JudgeOptions;
  readonly #parties = new Map<string, Party>();
  /** What the judge before this one decided, until its endpoint comes. */
  readonly #inherited = new Map<string, Verdict>();
  /** Whose counts are not needed any more, since when; the oldest first. */
  readonly #gone = new Map<string, number>();

  constructor(options: JudgeOptions) {
    this.#options = options;
  }

  readonly enter: EnterCourt = (party) => {
    const { counts, report } = this.#options;
    const { cluster } = party;
    this.#parties.set(cluster, party);
    return {
      judges: true,
      counts: (host) => {
        const name = keyOf({ cluster, host });
        if (this.#gone.delete(name)) counts.of(name).reset();
        return counts.of(name);
      },
      verdict: (host) => {
        const name = keyOf({ cluster, host });
        const verdict = this.#inherited.get(name);
        this.#inherited.delete(name);
        return verdict;
      },
      decide: (host, verdict) => {
        report({ cluster, host, verdict });
        if (verdict === null) this.#forget(keyOf({ cluster, host }));
      },
      tell: () => undefined,
      leave: () => leave(this.#parties, party),
    };
  };

  hear({ cluster, host, evidence }: EvidenceNote): void {
    this.#parties.get(cluster)?.onEvidence(host, evidence);
  }

  inherit({ verdict, ...place }: VerdictReport): void {
    if (verdict !== null) this.#inherited.set(keyOf(place), verdict);
  }

  #forget(name: string): void {
    const now = this.#options.now();
    for (const [one, since] of this.#gone) {
      if (now - since < LAST_COUNT) break;
      this.#gone.delete(one);
      this.#options.counts.forget(one);
    }
    this.#gone.delete(name);
    this.#gone.set(name, now);
  }
}

export class Witness {
  readonly #counts: SharedCounts;
  readonly #tell: (note: EvidenceNote) => void;
  readonly #parties = new Map<string, Party>();
  /** Of endpoints that something is held against: they may come later than their verdict. */
  readonly #reports = new Map<string, VerdictReport & { readonly verdict: Verdict }>();

  constructor(counts: SharedCounts, tell: (note: EvidenceNote) => void) {
    this.#counts = counts;
    this.#tell = tell;
  }

  readonly enter: EnterCourt = (party) => {
    const { cluster } = party;
    this.#parties.set(cluster, party);
    return {
      judges: false,
      counts: (host) => this.#counts.of(keyOf({ cluster, host })),
      verdict: (host) => this.#reports.get(keyOf({ cluster, host }))?.verdict,
      decide: () => undefined,
      tell: (host, evidence) => this.#tell({ cluster, host, evidence }),
      leave: () => leave(this.#parties, party),
    };
  };

  hear({ cluster, host, verdict }: VerdictReport): void {
    const key = keyOf({ cluster, host });
    const isClear = verdict === null || (!verdict.unfit && verdict.accrual === 'closed');
    if (isClear) this.#reports.delete(key);
    else this.#reports.set(key, { cluster, host, verdict });
    this.#parties.get(cluster)?.onVerdict(host, verdict ?? CLEAR);
  }

  /** For a thread that starts late. */
  reports(): readonly VerdictReport[] {
    return [...this.#reports.values()];
  }
}

const CLEAR: Verdict = { unfit: false, times: 0, accrual: 'closed' };

function keyOf({ cluster, host }: Place): string {
  return `${cluster}\n${host}`;
}

function leave(parties: Map<string, Party>, party: Party): void {
  if (parties.get(party.cluster) === party) parties.delete(party.cluster);
}
