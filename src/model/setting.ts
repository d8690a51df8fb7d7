// A tri-state: "not said" and "switched off" are different from each other and from every value.

export type Setting<T> =
  | { readonly kind: 'default' }
  | { readonly kind: 'off' }
  | { readonly kind: 'set'; readonly value: T };

export const unset: Setting<never> = { kind: 'default' };
export const off: Setting<never> = { kind: 'off' };
export const set = <T>(value: T): Setting<T> => ({ kind: 'set', value });
