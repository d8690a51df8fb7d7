// An object in filter state: what is more there than a text.
import type { Exchange } from './exchange.ts';

/** As logs show it: JSON of a message has other names as a text than as a member of a JSON line. */
export class StateObject {
  readonly text: string;
  readonly #members: object;

  constructor(text: string, members: object) {
    this.text = text;
    this.#members = members;
  }

  toJSON(): object {
    return this.#members;
  }
}

/** `plain` is what matchers see; null: there is no text of it. */
export function leaveObject(exchange: Exchange, name: string, plain: string | null, object: StateObject): void {
  if (plain !== null) {
    exchange.filterState ??= new Map();
    exchange.filterState.set(name, plain);
  }
  exchange.stateObjects ??= new Map();
  exchange.stateObjects.set(name, object);
}
