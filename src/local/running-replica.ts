// One replica at work: its proxy first, then its application, which may count on it. It is ready when both are.
import type { Address } from '../model/service.ts';
import { allOpen, type Check, pollUntil, proxyReady } from './probe.ts';
import { type ProcessEvent, type ProcessSpec, SupervisedProcess, type Supervision } from './supervised-process.ts';

export type ReplicaProcesses = {
  /** null: there is none, the replica is a gateway. */
  readonly application: ProcessSpec | null;
  /** null: it runs without a proxy. */
  readonly proxy: ProcessSpec | null;
  readonly admin: Address | null;
  /** Ports the application is to open. */
  readonly ports: readonly Address[];
  /** The application waits for `release`. */
  readonly held: boolean;
};

export class RunningReplica {
  readonly #supervision: Supervision;
  readonly #onReadiness: () => void;
  readonly #proxy: Part | null;
  readonly #application: Part | null;
  #released: boolean;

  /** `onReadiness` is called when `ready` or `proxyReady` may have changed. */
  constructor(plan: ReplicaProcesses, supervision: Supervision, onReadiness: () => void) {
    this.#supervision = supervision;
    this.#onReadiness = onReadiness;
    this.#released = !plan.held;
    this.#proxy = plan.proxy === null || plan.admin === null ? null : this.#part(plan.proxy, proxyReady(plan.admin));
    this.#application = plan.application === null ? null : this.#part(plan.application, allOpen(plan.ports));
  }

  get proxyReady(): boolean {
    return this.#proxy?.ready ?? true;
  }

  get ready(): boolean {
    return this.proxyReady && (this.#application?.ready ?? true);
  }

  get proxyPid(): number | null {
    return this.#proxy?.process.pid ?? null;
  }

  start(): void {
    if (this.#proxy === null) this.#startApplication();
    else this.#proxy.process.start();
  }

  release(): void {
    this.#released = true;
    this.#startApplication();
  }

  /** The application first: its last requests still find the proxy. */
  async stop(grace: number): Promise<void> {
    await this.stopApplication(grace);
    this.#proxy?.cancelPoll();
    await this.#proxy?.process.stop(grace);
  }

  async stopApplication(grace: number): Promise<void> {
    this.#released = false;
    this.#application?.cancelPoll();
    await this.#application?.process.stop(grace);
  }

  #startApplication(): void {
    const application = this.#application;
    if (application === null || application.begun || !this.#released || !this.proxyReady) return;
    application.begun = true;
    application.process.start();
  }

  #part(spec: ProcessSpec, check: Check): Part {
    const onEvent = (event: ProcessEvent): void => {
      this.#onEvent(part, event);
      this.#supervision.onEvent(event);
    };
    const process = new SupervisedProcess(spec, { ...this.#supervision, onEvent });
    const part: Part = { process, check, ready: false, begun: false, cancelPoll: () => undefined };
    return part;
  }

  #onEvent(part: Part, event: ProcessEvent): void {
    part.cancelPoll();
    part.ready = false;
    if (event.kind === 'ended') {
      this.#onReadiness();
      return;
    }
    part.cancelPoll = pollUntil(part.check, this.#supervision.clock, () => {
      part.ready = true;
      this.#startApplication();
      this.#onReadiness();
    });
  }
}

type Part = {
  readonly process: SupervisedProcess;
  readonly check: Check;
  ready: boolean;
  begun: boolean;
  cancelPoll: () => void;
};
