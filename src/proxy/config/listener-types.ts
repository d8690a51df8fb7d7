// What decides which filter chain an accepted connection gets: its match, and the listener filters that look at the connection before.

import type { PassedTlvs } from './proxy-header.ts';
import type { RuntimeLookup } from './runtime-keys.ts';

/** A range of addresses. `bits` is how specific it is. */
export type AddressRange = {
  readonly text: string;
  readonly bits: number;
  contains(address: string): boolean;
};

/** Empty lists and nulls match anything. */
export type ChainMatch = {
  readonly destinationPort: number | null;
  readonly destinationRanges: readonly AddressRange[];
  /** Exact or `*.suffix`. */
  readonly serverNames: readonly string[];
  readonly transport: '' | 'tls' | 'raw_buffer';
  readonly applicationProtocols: readonly string[];
  /** Of the peer of the socket, whatever a PROXY header says. */
  readonly directSourceRanges: readonly AddressRange[];
  readonly sourceType: 'any' | 'local' | 'external';
  readonly sourceRanges: readonly AddressRange[];
  readonly sourcePorts: readonly number[];
};

/** `disabled` asks for the destination port. */
export type ListenerFilterConfig = { readonly disabled: ((port: number) => boolean) | null } & (
  | { readonly kind: 'http-inspector' | 'original-dst' }
  | {
      readonly kind: 'tls-inspector';
      /** Of the client, which are taken; null: none. */
      readonly fingerprints: { readonly ja3: boolean; readonly ja4: boolean } | null;
      /** Bytes; a client whose hello is longer is closed. */
      readonly longestHello: number;
      /** So is one that begins otherwise. */
      readonly closesOthers: boolean;
    }
  | {
      readonly kind: 'local-rate-limit';
      readonly statPrefix: string;
      /** Whether one more connection may come now, in milliseconds; one bucket for all connections of the listener. */
      admits(now: number, runtime: RuntimeLookup, workers: number): boolean;
    }
  | {
      readonly kind: 'proxy-protocol';
      /** Of its counters; '' is none. */
      readonly statPrefix: string;
      /** A connection without the header goes on as it is; else it is closed. */
      readonly optional: boolean;
      readonly versions: ReadonlySet<1 | 2>;
      readonly passes: PassedTlvs;
      /** TLVs that become metadata, by type. */
      readonly notes: ReadonlyMap<
        number,
        { readonly namespace: string; readonly key: string; readonly base64: boolean }
      >;
    }
);
