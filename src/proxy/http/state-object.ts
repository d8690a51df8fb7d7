// An object in filter state: what is more there than a text.
import type { Exchange } from './exchange.ts';

/** As logs show it: JSON of a message has other names as a text than as a member of a JSON line. */
export class StateObject {
  readonly text: string;
  /** What logs may ask for one by one (`FIELD`). */
  readonly fields: ReadonlyMap<string, string>;
  /** It has forms as a whole, too. */
  readonly whole: boolean;
  readonly #members: object;

  constructor(text: string, members: object, fields: ReadonlyMap<string, string> = new Map(), whole = true) {
    this.whole = whole;
    this.text = text;
    this.fields = fields;
    this.#members = members;
  }

  toJSON(): object {
    return this.#members;
  }
}

/** An object that has fields, and no form as a whole. */
export function leaveFields(exchange: Exchange, name: string, fields: ReadonlyMap<string, string>): void {
  exchange.stateObjects ??= new Map();
  exchange.stateObjects.set(name, new StateObject('', {}, fields, false));
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
