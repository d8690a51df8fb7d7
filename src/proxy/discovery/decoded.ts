// Decoded resources by their bytes: what comes again unchanged is the very same object, so that nothing is rebuilt for it.

export class Decoded<Value> {
  readonly #byName = new Map<string, { readonly bytes: Uint8Array; readonly value: Value }>();
  readonly #decode: (bytes: Uint8Array) => Value;

  constructor(decode: (bytes: Uint8Array) => Value) {
    this.#decode = decode;
  }

  /** Throws what decoding throws; the one before is kept then. */
  get(name: string, bytes: Uint8Array): Value {
    const known = this.#byName.get(name);
    if (known !== undefined && Buffer.compare(known.bytes, bytes) === 0) return known.value;
    const value = this.#decode(bytes);
    this.#byName.set(name, { bytes, value });
    return value;
  }

  forget(name: string): void {
    this.#byName.delete(name);
  }
}
