// `destination {host, subset, port}`, and the header operations that hang on routes and destinations.
import type { BackendTarget, HeaderEdit, HeaderValue } from '../../model/route.ts';
import { noEdit } from '../../model/route.ts';
import type { Fields } from '../field/fields.ts';
import { headerName, headerValue, name, port } from '../field/values.ts';
import { hostIn } from './host.ts';

/** A destination that cannot be read is one that answers 500, so that weights keep their meaning. */
export function readDestination(fields: Fields): BackendTarget {
  const host = fields.require('host', hostIn(fields.source.namespace));
  const subset = fields.get('subset', name);
  const number = fields.object('port', (selector) => selector.require('number', port));
  if (host === null || fields.failed) return { kind: 'fail', status: 500, reason: 'invalid destination' };
  return { kind: 'service', host, port: number, subset, grant: null };
}

export type HeaderEdits = { readonly request: HeaderEdit; readonly response: HeaderEdit };

export function readHeaderEdits(parent: Fields): HeaderEdits {
  const edits = parent.object('headers', (headers) => ({
    request: headers.object('request', readEdit) ?? noEdit,
    response: headers.object('response', readEdit) ?? noEdit,
  }));
  return edits ?? { request: noEdit, response: noEdit };
}

function readEdit(fields: Fields): HeaderEdit {
  return {
    set: readValues(fields, 'set'),
    add: readValues(fields, 'add'),
    remove: fields.list('remove', headerName),
  };
}

function readValues(fields: Fields, key: string): HeaderValue[] {
  return fields.map(key, headerValue).flatMap(([written, value]) => {
    const parsed = headerName(written);
    if (!parsed.ok) fields.error(key, 'invalid', parsed.message, parsed.hint);
    return parsed.ok ? [{ name: parsed.value, value }] : [];
  });
}
