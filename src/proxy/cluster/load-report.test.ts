import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { OrcaLoadReportSchema } from '../../xds/gen/xds/data/orca/v3/orca_load_report_pb.ts';
import { HeaderMap } from '../http/headers.ts';
import { readLoad } from './load-report.ts';

const report = create(OrcaLoadReportSchema, { rpsFractional: 3, cpuUtilization: 0.25, namedMetrics: { queue: 7 } });
const base64 = Buffer.from(toBinary(OrcaLoadReportSchema, report)).toString('base64');
const said = { rpsFractional: 3, cpuUtilization: 0.25, namedMetrics: { queue: 7 } };

describe('a report is read', () => {
  test.each<[string, string]>([
    ['as text', 'TEXT rps_fractional: 3, cpu_utilization:0.25,named_metrics.queue: 7.0'],
    ['with exponents and holes', 'TEXT rps_fractional:.3e1,, cpu_utilization: 25E-2 , named_metrics.queue:+7'],
    ['as JSON', 'JSON {"rpsFractional": 3, "cpu_utilization": 0.25, "namedMetrics": {"queue": 7}}'],
    ['as bytes', `BIN ${base64}`],
  ])('%s', (_name, value) => {
    expect(readLoad(new HeaderMap(['endpoint-load-metrics', value]))).toMatchObject(said);
  });

  test('from the field of gRPC, with and without padding, before the other', () => {
    for (const value of [base64, base64.replace(/=+$/, '')]) {
      const fields = ['endpoint-load-metrics', 'TEXT eps: 1', 'endpoint-load-metrics-bin', value];
      expect(readLoad(new HeaderMap(fields))).toMatchObject(said);
    }
  });

  test('all words of the text', () => {
    const value = 'TEXT mem_utilization: 1, application_utilization: 2, eps: 3';
    expect(readLoad(new HeaderMap(['endpoint-load-metrics', value]))).toMatchObject({
      memUtilization: 1,
      applicationUtilization: 2,
      eps: 3,
    });
  });
});

test.each<[string, string]>([
  ['no format', 'cpu_utilization: 0.5'],
  ['an unknown one', 'YAML cpu_utilization: 0.5'],
  ['an unknown word', 'TEXT cpu_utilization: 0.5, utilization.gpu: 1'],
  ['a word twice', 'TEXT eps: 1, eps: 1'],
  ['no number', 'TEXT eps: much'],
  ['nothing', 'TEXT eps:'],
  ['no word', 'TEXT 0.5'],
  ['a metric without a name', 'TEXT named_metrics.: 1'],
  ['more than a number holds', 'TEXT eps: 1e999'],
  ['infinity', 'TEXT eps: inf'],
  ['JSON of a later day', 'JSON {"eps": 3, "mood": 1}'],
  ['broken JSON', 'JSON {"eps": '],
  ['no base64', 'BIN %%%'],
  ['no message', 'BIN /////w=='],
  ['no bytes', 'BIN '],
])('no report: %s', (_name, value) => {
  expect(readLoad(new HeaderMap(['endpoint-load-metrics', value]))).toBe(null);
});

test('no report: none of the fields', () => {
  expect(readLoad(new HeaderMap(['x', 'y']))).toBe(null);
});
