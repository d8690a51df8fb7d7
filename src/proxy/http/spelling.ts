// How the names of a head's fields are written, for HTTP/1.1 peers that do not take them in lower case.

export type Spelling = {
  /** Of a name in lower case. */
  readonly nameOf: (name: string) => string;
  /** What the peer called its status; '' for the usual phrase. */
  readonly phrase: string;
};
