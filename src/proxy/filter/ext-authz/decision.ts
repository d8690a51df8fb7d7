// What was decided in shadow, left in filter state: `ShadowDecision` (extensions.filters.http.ext_authz.v3) in its forms of JSON.
import type { Exchange } from '../../http/exchange.ts';
import { leaveObject, StateObject } from '../../http/state-object.ts';
import type { Denied, Verdict } from './verdict.ts';

const RESULTS = { ok: 'OK', denied: 'DENIED', error: 'ERROR' } as const;

type Decision = Exclude<Verdict, Denied> | Pick<Denied, 'kind' | 'status' | 'headers'>;

export function leaveDecision(exchange: Exchange, name: string, verdict: Decision, statusOnError: number): void {
  const result = RESULTS[verdict.kind];
  const status = verdict.kind === 'ok' ? 200 : verdict.kind === 'denied' ? verdict.status : statusOnError;
  const headers = verdict.kind === 'denied' ? [...verdict.headers].map(([key, value]) => ({ key, value })) : [];
  const some = headers.length > 0;
  const plain = JSON.stringify({
    check_result: result,
    status_code: status,
    ...(some ? { response_headers: headers } : {}),
  });
  const text = { checkResult: result, statusCode: status, ...(some ? { responseHeaders: headers } : {}) };
  const members = { check_result: result, ...(some ? { response_headers: headers } : {}), status_code: status };
  const fields = new Map([
    ['check_result', result],
    ['status_code', String(status)],
  ]);
  leaveObject(exchange, name, plain, new StateObject(JSON.stringify(text), members, fields));
}
