// Inputs about the ends of a connection, which requests and connections have alike.
import {
  DestinationIPInputSchema,
  DestinationPortInputSchema,
  DirectSourceIPInputSchema,
  ServerNameInputSchema,
  SourceIPInputSchema,
  SourcePortInputSchema,
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
