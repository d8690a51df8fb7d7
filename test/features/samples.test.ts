// Other projects' manifests: every object is read without an error, and Istio's own valid and invalid objects get the same verdict.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { MeshObject } from '../../src/model/object.ts';
import { describeOrigin } from '../../src/model/origin.ts';
import type { Problem } from '../../src/model/problem.ts';
import { readAll } from '../../src/read/registry.ts';
import { parseFile } from '../../src/sources/document.ts';

const cases = resolve(import.meta.dirname, '../..', process.env['CASES'] ?? '../shared/cases');
const skip = !existsSync(cases);
if (skip) console.warn(`skipped: third-party cases are not at ${cases} (set CASES)`);

/** Files that hold no Kubernetes objects, or parts of some. */
const NOT_OBJECTS: Readonly<Record<string, string>> = {
  'emojivoto/kustomize/*/kustomization.yml': 'input of kustomize',
  'emojivoto/kustomize/*/patch.yml': 'a JSON patch for kustomize',
  'emojivoto/kustomize/statefulset/service-name.yml': 'parts of Deployments for kustomize to merge',
  'emojivoto/training/traffic-split/ingress-ts-patch.yml': 'a patch',
  'istio/jwt/*.json': 'keys',
  'osm/integrations/*-values.yaml': 'values for Helm',
};

/** Files that only mean something beside another one. */
const BESIDE: Readonly<Record<string, string>> = {
  'osm/apps/bookstore-v2.yaml': 'osm/access/traffic-access-v1.yaml',
};

/** Kinds in the samples that are known and not applied yet. */
const NOT_YET: Readonly<Record<string, string>> = {
  Ingress: 'comes with the ingress reader',
  MeshConfig: 'comes with the Open Service Mesh reader',
  ServiceEntry: 'needs external services in the model',
};

function sampleFiles(): string[] {
  const root = join(cases, 'samples');
  const left = new Set(Object.keys(NOT_OBJECTS).flatMap((pattern) => globSync(pattern, { cwd: root })));
  return globSync('**/*.{yaml,yml,json}', { cwd: root }).filter((file) => !left.has(file));
}

function readSample(file: string): { objects: readonly MeshObject[]; problems: readonly Problem[] } {
  const parse = (name: string) => parseFile(name, readFileSync(join(cases, 'samples', name), 'utf8'));
  const { objects, problems } = parse(file);
  const beside = BESIDE[file] === undefined ? [] : parse(BESIDE[file]).objects;
  return { objects, problems: [...problems, ...readAll([...objects, ...beside]).problems] };
}

describe.skipIf(skip)('samples', () => {
  test('there are many', () => {
    expect(sampleFiles().length).toBeGreaterThan(80);
    expect(sampleFiles().flatMap((file) => readSample(file).objects).length).toBeGreaterThan(200);
  });

  test.each(skip ? [] : sampleFiles())('%s', (file) => {
    const { problems } = readSample(file);
    expect(problems.filter(({ severity }) => severity === 'error').map(show)).toEqual([]);
    expect(problems.filter(({ code }) => code === 'unknown-kind' || code === 'unknown-field').map(show)).toEqual([]);
    const kinds = problems.filter(({ code, origin }) => code === 'unsupported' && origin.path === '');
    expect(kinds.map(({ origin }) => origin.kind).filter((kind) => NOT_YET[kind] === undefined)).toEqual([]);
  });
});

/** Conformance manifests with an error, and why there must be one. */
const REFUSED: Readonly<Record<string, string>> = {
  'tests/httproute-invalid-backendref-unknown-kind.yaml': 'that is what it tests',
  'tests/listenerset-dual-parentref-independence.yaml': 'ListenerSet is not applied yet',
  'tests/listenerset-http-routing.yaml': 'ListenerSet is not applied yet',
};

describe.skipIf(skip)('Gateway API’s conformance manifests', () => {
  const root = join(cases, 'gateway-api-conformance');
  test.each(skip ? [] : globSync('**/*.yaml', { cwd: root }).sort())('%s', (file) => {
    const { objects, problems } = parseFile(file, readFileSync(join(root, file), 'utf8'));
    const errors = [...problems, ...readAll(objects).problems].filter(({ severity }) => severity === 'error');
    if (REFUSED[file] === undefined) expect(errors.map(show)).toEqual([]);
    else expect(errors.length, REFUSED[file]).toBeGreaterThan(0);
  });
});

/** Rules that concern kinds or fields which are not read yet. */
const NOT_JUDGED: Readonly<Record<string, string>> = {
  EnvoyFilter: 'the kind is not applied yet, so its content is not read',
  ProxyConfig: 'the kind is not applied yet, so its content is not read',
  ServiceEntry: 'the kind is not applied yet, so its content is not read',
  WasmPlugin: 'the kind is not applied yet, so its content is not read',
  WorkloadEntry: 'the kind is not applied yet, so its content is not read',
  WorkloadGroup: 'the kind is not applied yet, so its content is not read',
};

type Verdict = { readonly label: string; readonly object: MeshObject; readonly wanted: string };

/** `_err` is the API server's text; without it the object must be accepted. */
function verdicts(): Verdict[] {
  const root = join(cases, 'istio-crd-validation');
  return globSync('*.yaml', { cwd: root })
    .sort()
    .flatMap((file) =>
      parseFile(file, readFileSync(join(root, file), 'utf8')).objects.flatMap((object, index) => {
        const { _err: wanted, ...body } = object.body;
        const judged = NOT_JUDGED[object.kind] === undefined;
        return judged
          ? [{ label: `${file}[${index}] ${object.name}`, object: { ...object, body }, wanted: String(wanted ?? '') }]
          : [];
      }),
    );
}

describe.skipIf(skip)('Istio’s validation', () => {
  test('there are objects of both verdicts', () => {
    const invalid = verdicts().filter(({ wanted }) => wanted !== '');
    expect(invalid.length).toBeGreaterThan(8);
    expect(verdicts().length - invalid.length).toBeGreaterThan(4);
  });

  test.each(skip ? [] : verdicts())('$label', ({ object, wanted }) => {
    const errors = readAll([object]).problems.filter(({ severity }) => severity === 'error');
    if (wanted === '') expect(errors.map(show)).toEqual([]);
    else expect(errors.length, `must be refused: ${wanted}`).toBeGreaterThan(0);
  });
});

const show = ({ code, origin, message }: Problem): string =>
  `${origin.place?.line}: ${code}: ${describeOrigin(origin)}: ${message}`;
