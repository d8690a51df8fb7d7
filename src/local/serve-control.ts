// The control plane alone: applications and proxies are run by somebody else, who finds in the state folder what to start.
// It may be stopped and started again under them: ports, join tokens and the root stay.
import type { ControlPlane } from '../control/control-plane.ts';
import { type Port, parsePort } from '../model/units.ts';
import { type ControlOptions, HOST, openControl, runningProxies } from './open-control.ts';
import { PortAllocator, thisMachine } from './ports.ts';
import { PreparedMesh } from './prepared-mesh.ts';
import { prepareGateway, prepareReplica } from './replica-files.ts';
import { StartError } from './start-error.ts';
import type { StateFolder } from './state-folder.ts';
import type { ProcessSpec } from './supervised-process.ts';
import { UndoList } from './undo-list.ts';

export type ServeControlOptions = Omit<ControlOptions, 'start'> & {
  /** After every change: the file that says what there is to start. */
  readonly onPrepared: (file: string, processes: number) => void;
  readonly onError: (error: unknown) => void;
};

export type ServedControl = { readonly control: ControlPlane; close(): Promise<void> };

/** Resolves when it serves. @throws StartError with nothing left open. */
export async function serveControl(options: ServeControlOptions): Promise<ServedControl> {
  const undo = new UndoList();
  try {
    return await serve(options, undo);
  } catch (error) {
    await undo.run();
    throw error;
  }
}

async function serve(options: ServeControlOptions, undo: UndoList): Promise<ServedControl> {
  const { control, files, around } = await openControl({ ...options, start: 'resumed' }, undo);
  const { state } = around;
  // What another process is given must not hold what this one was given: only where programs are.
  const { PATH = '', TULLE_ENVOY = '' } = around.env;
  const own = { ...around, env: { PATH, ...(TULLE_ENVOY === '' ? {} : { TULLE_ENVOY }) } };
  const ports = new PortAllocator(HOST, thisMachine, parsePorts(await state.readNote(PORTS)));
  undo.add(() => ports.close());
  const mesh = new PreparedMesh({
    ports,
    defaults: { host: HOST, trustDomain: options.trustDomain, dataPlane: options.dataPlane },
    clock: options.clock,
    prepare: {
      replica: (replica, fragment, layout) => prepareReplica(replica, fragment, layout, own),
      gateway: (gateway) => prepareGateway(gateway, own),
    },
    async onPrepared(processes) {
      await state.writeNote(PORTS, printJson(Object.fromEntries(ports.assigned)));
      options.onPrepared(await writeProcesses(state, processes), processes.length);
    },
    onRunning: (running) => control.setRunning(runningProxies(running)),
    onError: options.onError,
  });
  undo.add(() => mesh.close());
  control.loop.onChange(({ fragment }) => mesh.apply(fragment));
  files.follow((reading) => control.setObjects(reading.objects, reading.problems));
  mesh.apply(control.loop.state.fragment);
  return { control, close: () => undo.run() };
}

const PORTS = 'ports.json';
const PROCESSES = 'processes.json';

const writeProcesses = (state: StateFolder, processes: readonly ProcessSpec[]): Promise<string> =>
  state.writeNote(PROCESSES, printJson(processes.map(({ logFile: _, ...process }) => process)));

const printJson = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** @throws StartError when the file holds something else: other ports would cut off the proxies that run. */
function parsePorts(text: string): Map<string, Port> {
  if (text === '') return new Map();
  const wrong = new StartError(
    `${PORTS} in the state folder does not hold ports`,
    'remove it, and start every proxy anew',
  );
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw wrong;
  }
  if (typeof parsed !== 'object' || parsed === null) throw wrong;
  const entries = Object.entries(parsed).map(([key, raw]) => [key, parsePort(raw)] as const);
  const known = entries.filter((entry): entry is [string, Port] => entry[1] !== null);
  if (known.length < entries.length) throw wrong;
  return new Map(known);
}
