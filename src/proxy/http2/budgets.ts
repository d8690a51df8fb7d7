// What a peer may cost us in frames that carry nothing: Envoy's limits against floods. Each count answers with the name of its counter when
// it is exceeded.
import type { Http2Options } from './options.ts';
import type { Http2Stats } from './stats.ts';

export type Flood = keyof Pick<
  Http2Stats,
  | 'inbound_empty_frames_flood'
  | 'inbound_priority_frames_flood'
  | 'inbound_window_update_frames_flood'
  | 'outbound_control_flood'
  | 'outbound_flood'
>;

/** CONTINUATION frames of one header block; a block within the head limit needs four. */
const MAX_CONTINUATIONS = 8;

export class Budgets {
  openedStreams = 0;
  dataFramesSent = 0;
  readonly #options: Http2Options;
  #empty = 0;
  #priorities = 0;
  #windowUpdates = 0;
  #continuations = 0;

  constructor(options: Http2Options) {
    this.#options = options;
  }

  /** A HEADERS, CONTINUATION or DATA frame. */
  onContent(length: number, endStream: boolean): Flood | null {
    if (length > 0 || endStream) {
      this.#empty = 0;
      return null;
    }
    this.#empty += 1;
    return this.#empty > this.#options.maxEmptyFrames ? 'inbound_empty_frames_flood' : null;
  }

  onPriority(): Flood | null {
    this.#priorities += 1;
    const limit = this.#options.maxPriorityFramesPerStream * (1 + this.openedStreams);
    return this.#priorities > limit ? 'inbound_priority_frames_flood' : null;
  }

  onWindowUpdate(): Flood | null {
    this.#windowUpdates += 1;
    const perData = this.#options.maxWindowUpdatesPerDataFrame;
    const limit = 5 + 2 * (this.openedStreams + perData * this.dataFramesSent);
    return this.#windowUpdates > limit ? 'inbound_window_update_frames_flood' : null;
  }

  /** false: too many for one block. */
  onContinuation(first: boolean): boolean {
    this.#continuations = first ? 0 : this.#continuations + 1;
    return this.#continuations <= MAX_CONTINUATIONS;
  }

  /** What waits to be sent, looked at after every read. */
  onOutput(frames: number, controlFrames: number): Flood | null {
    if (controlFrames > this.#options.maxOutboundControlFrames) return 'outbound_control_flood';
    return frames > this.#options.maxOutboundFrames ? 'outbound_flood' : null;
  }
}
