// What a process is told to start from: a file, text and single values of the command line, in the order in which they are merged.
import { readFile } from 'node:fs/promises';
import { BootstrapError } from './bootstrap-error.ts';
import type { Source } from './document.ts';

/** As Envoy's options of these names; '' and an empty list: not said. */
export type CommandLine = {
  readonly configPath: string;
  readonly configYaml: string;
  readonly serviceNode: string;
  readonly serviceCluster: string;
  readonly serviceZone: string;
  /** `name:value` each. */
  readonly statsTags: readonly string[];
  /** Of this program, for control planes. */
  readonly version: string;
};

/** Rejects with a BootstrapError. */
export async function bootstrapSources(given: CommandLine): Promise<readonly Source[]> {
  const { configPath, configYaml } = given;
  if (configPath === '' && configYaml === '')
    throw new BootstrapError('nothing to start from (hint: --config-path FILE or --config-yaml TEXT)');
  const file = configPath === '' ? [] : [{ text: await readText(configPath), name: configPath }];
  const text = configYaml === '' ? [] : [{ text: configYaml, name: '--config-yaml' }];
  return [...file, ...text, { text: JSON.stringify(overrides(given)), name: 'command line' }];
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new BootstrapError(`${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** A bootstrap of only what the options say, and what asks, in JSON. */
function overrides({ serviceNode, serviceCluster, serviceZone, statsTags, version }: CommandLine): object {
  const node = {
    ...{ user_agent_name: 'tulle', user_agent_version: version },
    ...(serviceNode !== '' && { id: serviceNode }),
    ...(serviceCluster !== '' && { cluster: serviceCluster }),
    ...(serviceZone !== '' && { locality: { zone: serviceZone } }),
  };
  return {
    node,
    ...(statsTags.length > 0 && { stats_config: { stats_tags: statsTags.map(fixedTag) } }),
  };
}

function fixedTag(text: string): object {
  const colon = text.indexOf(':');
  if (colon < 1) throw new BootstrapError(`--stats-tag ${text}: must be a name and a value (hint: name:value)`);
  return { tag_name: text.slice(0, colon), fixed_value: text.slice(colon + 1) };
}
