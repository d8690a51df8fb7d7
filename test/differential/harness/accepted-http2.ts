// Differences from Envoy's HTTP/2 that are meant, each with its reason. An entry that changes nothing any more fails its case.
import type { Heard } from '../../support/http2-wire.ts';
import type { SeenRequest } from './observation.ts';

export type SeenHttp2 = {
  readonly streams: readonly (Omit<Heard, 'headers' | 'trailers' | 'bytes'> & {
    readonly stream: number;
    readonly headers: readonly string[];
    readonly trailers: readonly string[];
  })[];
  readonly goaway: string | null;
  readonly upstreams: readonly SeenRequest[];
};

type Entry = { readonly reason: string; readonly adapt: (envoy: SeenHttp2) => SeenHttp2 };

const goodbye = (goaway: string): Entry => ({
  reason: 'RFC 9113 5.4.1: an endpoint should say why it closes; Envoy closes without GOAWAY',
  adapt: (envoy) => ({ ...envoy, goaway }),
});

const ENTRIES: readonly (readonly [name: RegExp, entry: Entry])[] = [
  [
    /: the connection ends$|^neither host nor authority$|^a path without a slash$|^an even stream$/,
    goodbye('protocolError'),
  ],
  [/^empty frames$/, goodbye('enhanceYourCalm')],
  [
    /^hop-by-hop answer headers$/,
    {
      reason: 'RFC 9110 7.6.1: what Connection lists must not be passed on; Envoy passes it on to HTTP/2',
      adapt: (envoy) => ({
        ...envoy,
        streams: envoy.streams.map((stream) => ({
          ...stream,
          headers: stream.headers.filter((line) => line !== 'x-hop: 1'),
        })),
      }),
    },
  ],
  [
    /^trailers go up$/,
    {
      reason: 'RFC 9110 6.5: trailers are passed on; Envoy drops them unless both ends are configured to keep them',
      adapt: (envoy) => ({
        ...envoy,
        upstreams: envoy.upstreams.map((request) => ({ ...request, trailers: ['x-t: 1'] })),
      }),
    },
  ],
];

export function acceptedHttp2(name: string): Entry | undefined {
  return ENTRIES.find(([pattern]) => pattern.test(name))?.[1];
}
