// `tulle get [kind] [namespace/name]`: the objects that were read, with their place, problems and how far they are applied.
import { Command } from 'commander';
import type { ObjectResponse, ObjectSummary, ObjectsResponse } from '../api/types.ts';
import { qualifiedKind } from '../model/origin.ts';
import type { ApiClient } from './client.ts';
import { type Context, clientOf, printStructured, withApi, withOutput } from './context.ts';
import { CommandFailure } from './failure.ts';
import { appliedTo, place } from './format.ts';
import { describeProblems } from './problems.ts';
import { type Column, formatTable } from './table.ts';
import type { Terminal } from './terminal.ts';

type Options = { api: string; output: string };

export function getCommand({ terminal }: Context): Command {
  const command = new Command('get')
    .description('the objects that were read: dialect, place, problems, on how many proxies they are applied')
    .argument('[kind]', 'as in VirtualService or gateways.networking.istio.io; case and plural do not matter')
    .argument('[name]', 'namespace/name, or a name: that object as YAML');
  return withOutput(withApi(command)).action(
    async (kind: string | undefined, name: string | undefined, options: Options) => {
      const client = clientOf(options);
      const { objects } = await client.get<ObjectsResponse>('/api/v1/objects');
      const ofKind = objects.filter((object) => kind === undefined || isKind(object, kind));
      if (kind !== undefined && ofKind.length === 0) {
        throw new CommandFailure(`there are no objects of kind ${kind}`, 'tulle get lists all');
      }
      if (name !== undefined) return printOne(terminal, client, oneOf(ofKind, name), options);
      if (!printStructured(terminal, options.output, ofKind)) terminal.out(formatTable(terminal, columns, ofKind));
    },
  );
}

/** `gateway`, `gateways` and `gateways.networking.istio.io` all mean the kind, as with kubectl. */
function isKind({ kind, group }: ObjectSummary, asked: string): boolean {
  const [written = '', ...rest] = asked.toLowerCase().split('.');
  if (rest.length > 0 && rest.join('.') !== group) return false;
  const [one, other] = [kind.toLowerCase(), SHORT_NAMES.get(written) ?? written];
  return [one, `${one}s`, `${one}es`, one.replace(/y$/, 'ies')].includes(other);
}

/** As kubectl knows them. */
const SHORT_NAMES: ReadonlyMap<string, string> = new Map([
  ['vs', 'virtualservice'],
  ['dr', 'destinationrule'],
  ['pa', 'peerauthentication'],
  ['ap', 'authorizationpolicy'],
  ['gtw', 'gateway'],
  ['sp', 'serviceprofile'],
  ['svc', 'service'],
  ['deploy', 'deployment'],
  ['sa', 'serviceaccount'],
  ['ns', 'namespace'],
]);

function oneOf(objects: readonly ObjectSummary[], name: string): ObjectSummary {
  const found = objects.filter((object) => `${object.namespace}/${object.name}` === name || object.name === name);
  const [only] = found;
  if (only === undefined)
    throw new CommandFailure(`there is no object ${name} of that kind`, 'tulle get KIND lists them');
  if (found.length === 1) return only;
  const names = found.map((object) => `${qualifiedKind(object)} ${object.namespace}/${object.name}`).join(', ');
  throw new CommandFailure(`${name} is ambiguous`, `say one of ${names}`);
}

async function printOne(terminal: Terminal, client: ApiClient, found: ObjectSummary, options: Options): Promise<void> {
  const segments = [qualifiedKind(found), found.namespace || '-', found.name].map(encodeURIComponent);
  const answer = await client.get<ObjectResponse>(`/api/v1/objects/${segments.join('/')}`);
  if (options.output === 'json') return void printStructured(terminal, 'json', answer);
  const { object, yaml } = answer;
  const applied = `applied ${appliedTo(object.applied)}${object.applied.millis === null ? '' : `, ${object.applied.millis} ms`}`;
  if (options.output === 'table') {
    terminal.out(`# ${object.dialect}  ${place(object.file, object.line) || 'no file'}  ${applied}\n`);
    if (object.problems.length > 0) terminal.out(describeProblems(terminal, object.problems).replace(/^(?=.)/gm, '# '));
  }
  terminal.out(yaml);
}

const columns: readonly Column<ObjectSummary>[] = [
  { title: 'DIALECT', text: ({ dialect }) => dialect },
  { title: 'KIND', text: ({ kind }) => kind },
  { title: 'NAMESPACE', text: ({ namespace }) => namespace },
  { title: 'NAME', text: ({ name }) => name },
  {
    title: 'APPLIED',
    text: ({ applied }) => appliedTo(applied),
    style: ({ applied }) => (applied.rejected > 0 ? 'red' : applied.applied < applied.total ? 'yellow' : null),
  },
  {
    title: 'PROBLEMS',
    align: 'right',
    text: ({ problems }) => (problems.length === 0 ? '' : String(problems.length)),
    style: ({ problems }) => (problems.some(({ severity }) => severity === 'error') ? 'red' : 'yellow'),
  },
  { title: 'PLACE', text: ({ file, line }) => place(file, line) },
];
