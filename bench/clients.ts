// How clients load a proxy.
import type { H2Load } from './h2load.ts';

export const http1Client: H2Load = { protocol: 'h1', connections: 32, streams: 1 };

export const http2Client: H2Load = { protocol: 'h2', connections: 4, streams: 32 };
