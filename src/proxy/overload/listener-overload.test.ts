import { expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { ListenerOverload, type OverloadExemptions } from './listener-overload.ts';
import { Overload } from './overload.ts';

/** Everything is refused, and there is room for one connection. */
function full(): Overload {
  const at = (name: 'stop_accepting_requests' | 'disable_http_keepalive' | 'stop_accepting_connections') => ({
    name,
    triggers: [{ monitor: 'heap', scaling: 0.5, saturation: 0.5 }],
  });
  const config = {
    refreshInterval: 1_000,
    monitors: [{ name: 'heap', kind: 'heap', limit: 1 } as const],
    actions: [at('stop_accepting_requests'), at('disable_http_keepalive'), at('stop_accepting_connections')],
    maxConnections: 1,
  };
  const overload = new Overload(new ManualClock(), config, {
    heap: () => 0.9,
    memory: () => 0,
    release: () => undefined,
  });
  overload.start();
  return overload;
}

const none: OverloadExemptions = { fromOverload: false, fromConnectionLimit: false };
const minded = ({ shedsRequests, endsKeepAlive, refusedShare, hasRoom }: ListenerOverload) => ({
  shedsRequests,
  endsKeepAlive,
  refusedShare,
  hasRoom,
});

test.each<[exempt: Partial<OverloadExemptions>, wants: ReturnType<typeof minded>]>([
  [{}, { shedsRequests: true, endsKeepAlive: true, refusedShare: 1, hasRoom: false }],
  [{ fromConnectionLimit: true }, { shedsRequests: true, endsKeepAlive: true, refusedShare: 1, hasRoom: true }],
  [{ fromOverload: true }, { shedsRequests: false, endsKeepAlive: false, refusedShare: 0, hasRoom: true }],
])('%j of a full process', (exempt, wants) => {
  const process = full();
  process.beginConnection();
  expect(minded(new ListenerOverload(process, { ...none, ...exempt }))).toEqual(wants);
});

test('a connection that was counted is counted out, whatever the listener has become meanwhile', () => {
  const process = full();
  const listener = new ListenerOverload(process, none);
  const end = listener.countConnection();
  expect(process.connections).toBe(1);
  listener.exempt = { ...none, fromConnectionLimit: true };
  const endOther = listener.countConnection();
  expect(process.connections).toBe(1);
  end();
  endOther();
  expect(process.connections).toBe(0);
});
