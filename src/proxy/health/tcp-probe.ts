// A TCP probe: connects, sends what it is told to, and looks for an answer. With nothing to look for, the connection is the answer.
import type { Socket } from 'node:net';
import type { Connector } from '../cluster/connector.ts';
import type { ProbeConfig } from '../config/health-check-types.ts';
import { holdsInOrder, type Probe, type ProbeResult, UNREACHED, WELL } from './probe.ts';

type Config = Extract<ProbeConfig, { kind: 'tcp' }>;

/** Bytes of an answer that are looked through. */
const LARGEST_ANSWER = 65_536;

export class TcpProbe implements Probe {
  readonly #config: Config;
  readonly #target: { readonly address: string; readonly port: number; readonly connector: Connector };
  readonly #reuse: boolean;
  readonly #onBug: (error: unknown) => void;
  #report: ((result: ProbeResult) => void) | null = null;
  #giveUp: (() => void) | null = null;
  #socket: Socket | null = null;
  #received: Buffer = Buffer.alloc(0);

  constructor(
    config: Config,
    target: { readonly address: string; readonly port: number; readonly connector: Connector },
    reuse: boolean,
    onBug: (error: unknown) => void,
  ) {
    this.#config = config;
    this.#target = target;
    this.#onBug = onBug;
    this.#reuse = reuse && config.receive.length > 0;
  }

  start(report: (result: ProbeResult) => void): void {
    this.#report = report;
    this.#received = Buffer.alloc(0);
    if (this.#socket !== null) {
      this.#ask(this.#socket);
      return;
    }
    const { address, port, connector } = this.#target;
    this.#giveUp = connector.connect(address, port, {
      onConnected: (socket) => this.#guard(() => this.#connected(socket)),
      onFailed: () => this.#guard(() => this.#end(UNREACHED)),
    });
  }

  cancel(): void {
    this.#report = null;
    this.close();
  }

  close(): void {
    this.#report = null;
    this.#giveUp?.();
    this.#giveUp = null;
    this.#socket?.destroy();
    this.#socket = null;
  }

  #connected(socket: Socket): void {
    this.#giveUp = null;
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => this.#guard(() => this.#receive(bytes)));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      this.#guard(() => this.#end(UNREACHED));
    });
    this.#ask(socket);
  }

  #ask(socket: Socket): void {
    if (this.#config.send.length > 0) socket.write(this.#config.send);
    if (this.#config.receive.length === 0) this.#end(WELL);
  }

  #receive(bytes: Buffer): void {
    if (this.#report === null || this.#received.length > LARGEST_ANSWER) return;
    this.#received = Buffer.concat([this.#received, bytes]);
    if (holdsInOrder(this.#received, this.#config.receive)) this.#end(WELL);
  }

  /** The boundary of exceptions: the endpoint counts as one that did not answer. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#onBug(error);
      this.#end(UNREACHED);
    }
  }

  #end(result: ProbeResult): void {
    const report = this.#report;
    this.#report = null;
    this.#giveUp = null;
    if (!this.#reuse || result !== WELL) this.close();
    report?.(result);
  }
}
