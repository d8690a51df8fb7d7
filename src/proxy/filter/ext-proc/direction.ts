// A request or a response on its way past the processor:
//
//   head ─► asked ─► (whole body held ─► asked) ─► head and body go on ─► (trailers asked) ─► end
import {
  type CommonResponse,
  type ProcessingResponse,
  CommonResponse_ResponseStatus as Status,
} from '../../../xds/gen/envoy/service/ext_proc/v3/external_processor_pb.ts';
import type { HeaderMap } from '../../http/headers.ts';
import type { RequestHead, ResponseHead } from '../../http/message.ts';
import type { FilterOutlet, FilterStage, HeadOutcome } from '../filter.ts';
import { BUFFER_LIMIT, HeldBody, requestTooLarge, responseTooLarge } from '../held-body.ts';
import type { DirectionMode } from './mode.ts';
import { mutate, mutateTrailers } from './mutation.ts';
import type { ProcessingInit, Session } from './session.ts';

type Answer = ProcessingResponse['response'];
type Phase = 'head' | 'body' | 'trailers';

const PHASES: ReadonlyMap<string | undefined, readonly [side: 'request' | 'response', phase: Phase]> = new Map([
  ['requestHeaders', ['request', 'head']],
  ['requestBody', ['request', 'body']],
  ['requestTrailers', ['request', 'trailers']],
  ['responseHeaders', ['response', 'head']],
  ['responseBody', ['response', 'body']],
  ['responseTrailers', ['response', 'trailers']],
]);

export class Direction<Head extends RequestHead | ResponseHead> implements FilterStage<Head> {
  readonly #side: 'request' | 'response';
  readonly #session: Session;
  readonly #outlet: FilterOutlet;
  readonly #body = new HeldBody(BUFFER_LIMIT);
  #head: Head | null = null;
  #last = false;
  /** The head has gone on: what comes passes, or has been replaced. */
  #gone = false;
  #replaced = false;
  #asked: Phase | null = null;
  #ended: { readonly trailers: HeaderMap | null } | null = null;

  constructor(side: 'request' | 'response', session: Session, outlet: FilterOutlet) {
    this.#side = side;
    this.#session = session;
    this.#outlet = outlet;
  }

  head(head: Head, last: boolean): HeadOutcome {
    this.#head = head;
    this.#last = last;
    if (this.#session.over) return this.#untouched();
    if (this.#mode.head) {
      this.#ask('head');
      return 'collect';
    }
    if (!this.#mode.body || last) return this.#untouched();
    // The server cannot see to the length of what it changes.
    head.headers.remove('content-length');
    return 'collect';
  }

  data(chunk: Buffer): void {
    if (this.#replaced) return;
    if (this.#gone) this.#outlet.write(chunk);
    else if (!this.#body.push(chunk))
      this.#session.answer(this.#side === 'request' ? requestTooLarge : responseTooLarge);
  }

  end(trailers: HeaderMap | null): void {
    this.#ended = { trailers };
    if (this.#replaced) return;
    if (this.#gone) this.#end();
    else if (this.#asked === null) this.#askForBody();
  }

  /** Whether this is the answer to what was asked. */
  expects({ case: kind }: Answer): boolean {
    const [side, phase] = PHASES.get(kind) ?? [];
    return side === this.#side && phase === this.#asked;
  }

  hear(answer: Answer): void {
    const asked = this.#asked;
    this.#asked = null;
    if (asked === 'trailers') this.#heardTrailers(answer);
    else if (asked === 'head') this.#heardHead(commonOf(answer));
    else this.#heardBody(commonOf(answer));
  }

  /** The server is left out from here on. */
  pass(): void {
    const asked = this.#asked;
    this.#asked = null;
    if (asked === 'trailers') this.#finish();
    else this.#goOn();
  }

  get #mode(): DirectionMode {
    return this.#session.mode[this.#side];
  }

  #untouched(): undefined {
    this.#gone = true;
  }

  #heardHead(common: CommonResponse | undefined): void {
    if (!this.#mutate(common)) return;
    if (common?.status === Status.CONTINUE_AND_REPLACE) this.#replace(common);
    else if (this.#last || !this.#mode.body) this.#goOn();
    else if (this.#ended !== null) this.#askForBody();
  }

  #heardBody(common: CommonResponse | undefined): void {
    if (!this.#mutate(common)) return;
    const mutation = common?.bodyMutation?.mutation;
    if (mutation?.case === 'body') this.#change(Buffer.from(mutation.value));
    else if (mutation?.case === 'clearBody' && mutation.value) this.#change(Buffer.alloc(0));
    else this.#goOn();
  }

  #heardTrailers(answer: Answer): void {
    const trailers = this.#ended?.trailers ?? null;
    if (trailers !== null && (answer.case === 'requestTrailers' || answer.case === 'responseTrailers'))
      mutateTrailers(trailers, answer.value.headerMutation, this.#session.config.rules);
    this.#finish();
  }

  /** false: the exchange is over, or the server left out. */
  #mutate(common: CommonResponse | undefined): boolean {
    const { config, exchange } = this.#session;
    if (!mutate(this.#head!, common?.headerMutation, config.rules)) {
      this.#session.rejected(this);
      return false;
    }
    const clears = config.clearRoute ?? common?.clearRouteCache ?? false;
    if (clears && this.#side === 'request' && common?.headerMutation !== undefined) exchange.routeStale = true;
    return true;
  }

  /** A server that changes a body has to see to the length that was announced. */
  #change(body: Buffer): void {
    const announced = this.#head!.headers.get('content-length');
    if (announced === undefined || Number(announced) === body.length) this.#goOnWith(body);
    else this.#session.mismatched(this);
  }

  /** The server's body stands for the message's, which is read and dropped. */
  #replace(common: CommonResponse): void {
    const mutation = common.bodyMutation?.mutation;
    this.#replaced = true;
    this.#head!.headers.remove('content-length');
    this.#goOnWith(mutation?.case === 'body' ? Buffer.from(mutation.value) : Buffer.alloc(0));
  }

  /** `body` is all there is. */
  #goOnWith(body: Buffer): void {
    this.#gone = true;
    this.#body.moveTo(() => undefined);
    const trailers = this.#replaced ? null : (this.#ended?.trailers ?? null);
    const empty = body.length === 0 && trailers === null;
    this.#outlet.proceed(empty);
    if (empty) return;
    if (body.length > 0) this.#outlet.write(body);
    if (this.#replaced) this.#outlet.finish(null);
    else this.#end();
  }

  #goOn(): void {
    this.#gone = true;
    this.#outlet.proceed();
    this.#body.moveTo((chunk) => this.#outlet.write(chunk));
    if (this.#ended !== null) this.#end();
  }

  #end(): void {
    if (this.#ended?.trailers && this.#mode.trailers && !this.#session.over) this.#ask('trailers');
    else this.#finish();
  }

  #finish(): void {
    this.#outlet.finish(this.#ended?.trailers ?? null);
  }

  #askForBody(): void {
    if (this.#session.over || !this.#mode.body) this.#goOn();
    else this.#ask('body');
  }

  #ask(phase: Phase): void {
    this.#asked = phase;
    this.#session.ask(this, this.#message(phase));
  }

  #message(phase: Phase): ProcessingInit {
    const request = this.#side === 'request';
    if (phase === 'head') {
      const value = { headers: { headers: this.#shown() }, endOfStream: this.#last };
      return request ? { case: 'requestHeaders', value } : { case: 'responseHeaders', value };
    }
    if (phase === 'body') {
      const value = { body: this.#body.whole(), endOfStream: this.#ended?.trailers == null };
      return request ? { case: 'requestBody', value } : { case: 'responseBody', value };
    }
    const value = { trailers: { headers: list(this.#ended?.trailers ?? null, this.#session.config.shows) } };
    return request ? { case: 'requestTrailers', value } : { case: 'responseTrailers', value };
  }

  #shown() {
    const { shows } = this.#session.config;
    const head = this.#head!;
    const pseudo: [string, string][] =
      'status' in head
        ? [[':status', String(head.status)]]
        : [
            [':authority', head.authority],
            [':path', head.path],
            [':method', head.method],
            [':scheme', head.scheme],
          ];
    return [...pseudo.filter(([name]) => shows(name)).map(headerOf), ...list(head.headers, shows)];
  }
}

function list(headers: HeaderMap | null, shows: (name: string) => boolean) {
  return headers === null ? [] : [...headers].filter(([name]) => shows(name)).map(headerOf);
}

function headerOf([key, value]: readonly [string, string]) {
  return { key, rawValue: Buffer.from(value, 'latin1') };
}

function commonOf(answer: Answer): CommonResponse | undefined {
  switch (answer.case) {
    case 'requestHeaders':
    case 'responseHeaders':
    case 'requestBody':
    case 'responseBody':
      return answer.value.response;
    default:
      return undefined;
  }
}
