// What a request asks for, in words that proxies tell each other (`x-envoy-decorator-operation`): the span of either side is called by what the
// other one's route says, where it says something.
//
//   egress ──── request: of this route ────► ingress: called so
//   egress, called so ◄──── response: of that route, if the request said nothing ──── ingress
import type { Decorator } from '../config/decorator.ts';
import type { HeaderMap } from '../http/headers.ts';

const HEADER = 'x-envoy-decorator-operation';

export class Operation {
  /** '' where nobody has a name for it. */
  name: string;
  readonly #direction: 'ingress' | 'egress';
  /** What the client is to be told. */
  #answer: string;

  constructor(direction: 'ingress' | 'egress', decorator: Decorator | null, request: HeaderMap) {
    this.#direction = direction;
    this.name = decorator?.operation ?? '';
    const told = decorator?.propagate === true ? decorator.operation : '';
    this.#answer = direction === 'ingress' ? told : '';
    if (direction === 'ingress') this.#hear(request);
    else if (told !== '') request.set(HEADER, told);
  }

  /** Before the response goes to the client. */
  onResponse(headers: HeaderMap): void {
    if (this.#direction === 'egress') this.#hear(headers);
    else if (this.#answer !== '') headers.set(HEADER, this.#answer);
  }

  #hear(headers: HeaderMap): void {
    const told = headers.get(HEADER);
    if (told === undefined) return;
    headers.remove(HEADER);
    if (told === '') return;
    this.name = told;
    this.#answer = '';
  }
}
