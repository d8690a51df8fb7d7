// `layered_runtime` of the bootstrap → the layers of the runtime, each with where its values come from.
import { join } from 'node:path';
import type {
  Bootstrap,
  RuntimeLayer as LayerMessage,
  RuntimeLayer_DiskLayer,
  RuntimeLayer_RtdsLayer,
} from '../../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { ConfigSourceSchema } from '../../xds/gen/envoy/config/core/v3/config_source_pb.ts';
import { refuseUnsupported } from '../config/check.ts';
import { decodeSource } from '../config/config-source.ts';
import { BootstrapError } from './bootstrap-error.ts';
import { type RuntimeLayer, RuntimeLayers } from './runtime-layers.ts';

/** @throws BootstrapError, or ConfigError of a source. */
export function readRuntime({ layeredRuntime, node }: Bootstrap): RuntimeLayers {
  const path = 'layered_runtime.layers';
  const layers = (layeredRuntime?.layers ?? []).map((layer, i) =>
    readLayer(layer, node?.cluster ?? '', `${path}[${i}]`),
  );
  const names = layers.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new BootstrapError(`${path}: two are called ${twice}`);
  if (layers.filter(({ kind }) => kind === 'admin').length > 1)
    throw new BootstrapError(`${path}: two are admin_layer`);
  try {
    return new RuntimeLayers(layers);
  } catch (error) {
    throw new BootstrapError(`${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function readLayer({ name, layerSpecifier: layer }: LayerMessage, serviceCluster: string, at: string): RuntimeLayer {
  if (name === '') throw new BootstrapError(`${at}.name: is empty`);
  switch (layer.case) {
    case 'staticLayer':
      return { name, kind: 'static', values: layer.value };
    case 'adminLayer':
      return { name, kind: 'admin' };
    case 'diskLayer':
      return { name, kind: 'disk', ...readDisk(layer.value, serviceCluster, `${at}.disk_layer`) };
    case 'rtdsLayer':
      return { name, kind: 'rtds', ...readRtds(layer.value, `${at}.rtds_layer`) };
    default:
      throw new BootstrapError(`${at}: has no layer (hint: static_layer, disk_layer, admin_layer or rtds_layer)`);
  }
}

function readDisk(
  { symlinkRoot, subdirectory, appendServiceCluster }: RuntimeLayer_DiskLayer,
  cluster: string,
  at: string,
) {
  if (symlinkRoot === '') throw new BootstrapError(`${at}.symlink_root: is empty`);
  return { link: symlinkRoot, folder: join(symlinkRoot, subdirectory, appendServiceCluster ? cluster : '') };
}

function readRtds({ name, rtdsConfig }: RuntimeLayer_RtdsLayer, at: string) {
  const here = `${at}.rtds_config`;
  if (rtdsConfig !== undefined) refuseUnsupported(ConfigSourceSchema, rtdsConfig, here);
  return { resource: name, source: decodeSource(rtdsConfig, here) };
}
