// Routes: which requests, what happens to them. One RouteSet is what one object says; the mesh merges sets into tables.
import type { RequestMatch } from './match.ts';
import type { Origin } from './origin.ts';
import type { Audience } from './service.ts';
import type { Setting } from './setting.ts';
import type { BasisPoints, Hostname, Millis, Port } from './units.ts';

export type RouteSet = {
  readonly origin: Origin;
  /** See `MeshObject.created`. */
  readonly created: string;
  readonly attachments: readonly RouteAttachment[];
  /** `listed`: the first rule that matches wins. `specificity`: Gateway API precedence over all rules of all sets there. */
  readonly order: 'listed' | 'specificity';
  readonly rules: readonly RouteRule[];
};

/** Where a set applies. */
export type RouteAttachment =
  /** In the client's proxy, for requests to a service. `port: null` is every port. */
  | {
      readonly kind: 'service';
      readonly host: Hostname;
      readonly port: Port | null;
      /** Sets for clients of certain namespaces beat those for all. */
      readonly clients: Audience;
      readonly origin: Origin;
    }
  /** In a gateway, for the hosts it serves. `section: null` is every listener; `hosts: []` is the listener's own. */
  | {
      readonly kind: 'gateway';
      readonly gateway: { readonly namespace: string; readonly name: string };
      readonly section: string | null;
      readonly port: Port | null;
      readonly hosts: readonly Hostname[];
      readonly origin: Origin;
    };

export type RouteRule = {
  /** What users call it where the dialect has a name, else ''. */
  readonly name: string;
  /** Any of them; empty is every request. */
  readonly matches: readonly RequestMatch[];
  readonly action: RouteAction;
  readonly requestHeaders: HeaderEdit;
  readonly responseHeaders: HeaderEdit;
  /** Whole exchange, retries included. */
  readonly timeout: Setting<Millis>;
  readonly retry: Setting<RetryPolicy>;
  readonly fault: Fault | null;
  readonly origin: Origin;
};

export type RouteAction =
  | {
      readonly kind: 'forward';
      readonly backends: readonly Backend[];
      readonly rewrite: Rewrite | null;
      readonly mirrors: readonly Mirror[];
    }
  | {
      readonly kind: 'redirect';
      readonly scheme: 'http' | 'https' | null;
      readonly host: string | null;
      /** null: the authority's own, `listener`: that of the gateway's listener which takes the request. */
      readonly port: Port | 'listener' | null;
      readonly path: PathRewrite | null;
      readonly status: 301 | 302 | 303 | 307 | 308;
    }
  | { readonly kind: 'respond'; readonly status: number; readonly body: string }
  /** A broken rule: it still matches, and answers this status (Gateway API: 500 for an invalid backend). */
  | { readonly kind: 'fail'; readonly status: number; readonly reason: string };

export type Backend = {
  readonly target: BackendTarget;
  /** Relative, >= 0. All zero: the rule answers 500. */
  readonly weight: number;
  readonly requestHeaders: HeaderEdit;
  readonly responseHeaders: HeaderEdit;
  readonly origin: Origin;
};

export type BackendTarget =
  /** `port: null`: the port that the request came for. `fromNamespace`: whose object asks (for grants); `grant`: needs one when the namespaces differ. */
  | {
      readonly kind: 'service';
      readonly host: Hostname;
      readonly port: Port | null;
      readonly subset: string | null;
      readonly grant: { readonly fromKind: string; readonly fromNamespace: string } | null;
    }
  | { readonly kind: 'fail'; readonly status: number; readonly reason: string };

export type Mirror = { readonly target: BackendTarget; readonly share: BasisPoints; readonly origin: Origin };

export type Rewrite = { readonly host: string | null; readonly path: PathRewrite | null };

export type PathRewrite =
  | { readonly kind: 'full'; readonly value: string }
  /** Replaces the part that the rule's own prefix matched. */
  | { readonly kind: 'prefix'; readonly value: string }
  /** RE2 pattern and substitution with `\1`. */
  | { readonly kind: 'regex'; readonly pattern: string; readonly substitution: string };

/** `set` overwrites, `add` appends, `remove` deletes; names are lower case. Applied in the order remove, set, add. */
export type HeaderEdit = {
  readonly set: readonly HeaderValue[];
  readonly add: readonly HeaderValue[];
  readonly remove: readonly string[];
};
export type HeaderValue = { readonly name: string; readonly value: string };
export const noEdit: HeaderEdit = { set: [], add: [], remove: [] };

/** Retries may add at most `ratio` of the live requests, but `minPerSecond` are always allowed (Linkerd's retry budget). */
export type RetryBudget = {
  readonly kind: 'budget';
  readonly ratio: number;
  readonly minPerSecond: number;
  readonly window: Millis;
};

export type RetryPolicy = {
  readonly limit: { readonly kind: 'attempts'; readonly retries: number } | RetryBudget;
  /** Envoy's retry_on words, which Istio and OSM use too: `5xx`, `connect-failure`, `retriable-status-codes`, … */
  readonly on: readonly string[];
  readonly statuses: readonly number[];
  readonly perTryTimeout: Setting<Millis>;
  readonly backoff: { readonly base: Millis; readonly max: Millis } | null;
};

export type Fault = {
  readonly delay: { readonly fixed: Millis; readonly share: BasisPoints } | null;
  readonly abort: { readonly status: number; readonly share: BasisPoints } | null;
};
