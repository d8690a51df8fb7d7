// Inputs about the ends of a connection, which requests and connections have alike.
import {
  ApplicationProtocolInputSchema,
  DestinationIPInputSchema,
  DestinationPortInputSchema,
  DirectSourceIPInputSchema,
  ServerNameInputSchema,
  SourceIPInputSchema,
  SourcePortInputSchema,
  SourceTypeInputSchema,
  TransportProtocolInputSchema,
} from '../../xds/gen/envoy/extensions/matching/common_inputs/network/v3/network_inputs_pb.ts';
import type { SocketName } from '../http/exchange.ts';
import { type InputKind, textInput } from './input.ts';

/** How a kind of subject shows its connection. */
export type ConnectionView<Subject> = {
  destination(subject: Subject): SocketName;
  source(subject: Subject): SocketName;
  directSource(subject: Subject): SocketName;
  /** '' without. */
  serverName(subject: Subject): string;
};

export function connectionInputs<Subject>(view: ConnectionView<Subject>): readonly InputKind<Subject>[] {
  return [
    textInput(DestinationIPInputSchema, () => (subject) => view.destination(subject).address || undefined),
    textInput(DestinationPortInputSchema, () => (subject) => String(view.destination(subject).port)),
    textInput(SourceIPInputSchema, () => (subject) => view.source(subject).address || undefined),
    textInput(SourcePortInputSchema, () => (subject) => String(view.source(subject).port)),
    textInput(DirectSourceIPInputSchema, () => (subject) => view.directSource(subject).address || undefined),
    textInput(ServerNameInputSchema, () => (subject) => view.serverName(subject) || undefined),
  ];
}

/** What is known of a connection that has no filter chain yet. */
export type AcceptedView<Subject> = ConnectionView<Subject> & {
  transport(subject: Subject): string;
  /** What the client offered, in its order. */
  applicationProtocols(subject: Subject): readonly string[];
};

export function acceptedInputs<Subject>(view: AcceptedView<Subject>): readonly InputKind<Subject>[] {
  const quoted = (protocols: readonly string[]) => protocols.map((one) => `'${one}'`).join(',');
  const local = (subject: Subject) => isLocal(view.source(subject).address, view.destination(subject).address);
  return [
    ...connectionInputs(view),
    textInput(SourceTypeInputSchema, () => (subject) => (local(subject) ? 'local' : undefined)),
    textInput(TransportProtocolInputSchema, () => (subject) => view.transport(subject) || undefined),
    textInput(
      ApplicationProtocolInputSchema,
      () => (subject) => quoted(view.applicationProtocols(subject)) || undefined,
    ),
  ];
}

/** From the canonical loopback address, the only one Envoy takes for local, or from the very address it came to. */
export function isLocal(source: string, destination: string): boolean {
  return LOOPBACK.has(source) || source === destination;
}

/** '': a Unix socket. */
const LOOPBACK: ReadonlySet<string> = new Set(['', '127.0.0.1', '::1']);
