// Format strings of logs and headers: compiled or refused with a reason; what was compiled has something to say of any exchange.
import { ConfigError } from '../../src/proxy/config/config-error.ts';
import { HeaderMap } from '../../src/proxy/http/headers.ts';
import { compileFormat } from '../../src/proxy/log/format.ts';
import { peerTls, testExchange } from '../../src/proxy/testing/exchange.ts';
import type { Target } from './target.ts';

const bare = testExchange();
const rich = testExchange(
  { headers: ['user-agent', 'a', 'x-b', '', 'cookie', 'a=1; b=2', 'grpc-timeout', '5S'], path: '/a?b=c' },
  { tls: peerTls(), metadata: new Map([['a', { b: [1, { c: null }] }]]), filterState: new Map([['a', 'b']]) },
);
const answered = { status: 200, headers: new HeaderMap(['grpc-status', '5', 'x-a', 'ü']) };

export const logFormat: Target = {
  name: 'log-format',
  run(input) {
    try {
      const format = compileFormat(input.toString('latin1'), 'format', { missing: '-' });
      for (const said of [format(bare, null, 5_000), format(rich, answered, 5_000)])
        if (typeof said !== 'string') throw new Error(`said ${JSON.stringify(said)}`);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
    }
  },
};
