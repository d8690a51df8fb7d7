// What a server may do to headers: its changes, within rules.

import type { HeaderValueOption } from '../../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { HeaderValueOption_HeaderAppendAction as Append } from '../../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { HeaderMutation } from '../../../xds/gen/envoy/service/ext_proc/v3/external_processor_pb.ts';
import type { HeaderMap } from '../../http/headers.ts';
import type { RequestHead, ResponseHead } from '../../http/message.ts';
import { bytesOf } from '../../route/match/string-matcher.ts';
import type { Rules } from '../mutation-rules.ts';

/** Not accepted: a change was refused as an error; those before it were made. `rejected`: changes that were not made. */
export type MutationOutcome = { readonly accepted: boolean; readonly rejected: number };

export function mutate(
  head: RequestHead | ResponseHead,
  mutation: HeaderMutation | undefined,
  rules: Rules,
): MutationOutcome {
  let rejected = 0;
  for (const name of mutation?.removeHeaders.map((one) => one.toLowerCase()) ?? []) {
    // Without these there is no message any more.
    const verdict = name.startsWith(':') || name === 'host' ? false : rules.allows(name);
    if (verdict === true) head.headers.remove(name);
    else rejected += 1;
    if (verdict === null) return { accepted: false, rejected };
  }
  for (const option of mutation?.setHeaders ?? []) {
    const name = option.header?.key.toLowerCase() ?? '';
    const verdict = rules.allows(name);
    if (verdict !== true || !set(head, name, option)) rejected += 1;
    if (verdict === null) return { accepted: false, rejected };
  }
  return { accepted: true, rejected };
}

/** false: it cannot be what it was to be. */
function set(head: RequestHead | ResponseHead, name: string, option: HeaderValueOption): boolean {
  const value = optionValue(option);
  if (name.startsWith(':') || name === 'host') return setPseudo(head, name, value);
  apply(head.headers, name, value, actionOf(option));
  return true;
}

function apply(headers: HeaderMap, name: string, value: string, action: Append): void {
  if (action === Append.ADD_IF_ABSENT && headers.has(name)) return;
  // OVERWRITE_IF_EXISTS too adds what is not there, as in Envoy.
  if (action === Append.APPEND_IF_EXISTS_OR_ADD) headers.append(name, value);
  else headers.set(name, value);
}

/** `append` is the older form of `append_action`. */
function actionOf({ append, appendAction }: HeaderValueOption): Append {
  if (append === undefined) return appendAction;
  return append ? Append.APPEND_IF_EXISTS_OR_ADD : Append.OVERWRITE_IF_EXISTS_OR_ADD;
}

function optionValue({ header }: HeaderValueOption): string {
  if (header === undefined) return '';
  return header.rawValue.length > 0 ? Buffer.from(header.rawValue).toString('latin1') : bytesOf(header.value);
}

function setPseudo(head: RequestHead | ResponseHead, name: string, value: string): boolean {
  if ('status' in head) {
    if (name !== ':status' || !/^[2-5]\d\d$/.test(value)) return false;
    head.status = Number(value);
  } else if (name === ':path') head.path = value;
  else if (name === ':method') head.method = value;
  else if (name === ':authority' || name === 'host') head.authority = value;
  else if (name === ':scheme' && (value === 'http' || value === 'https')) head.scheme = value;
  else return false;
  return true;
}
