// How connections of clients end: answers before the request is complete, notices before the end, and how long the last words may take to be read.

import { connect } from 'node:net';
import { expect } from 'vitest';
import { Http2Wire, requestFields } from '../support/http2-wire.ts';
import { waitFor } from '../support/wait-for.ts';
import { type ConnectionCase, type ConnectionStand, compareConnections } from './harness/connections.ts';
import { type Line, talk } from './harness/talk.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters';
const SHORT = 'drain_timeout: 2s, delayed_close_timeout: 0.3s';
const listener = (prefix: string, fields: string) => `
filter_chains:
- filters:
  - name: manager
    typed_config: {
      '@type': '${TYPE}.network.http_connection_manager.v3.HttpConnectionManager', stat_prefix: ${prefix}, ${fields},
      http_filters: [{ name: router, typed_config: { '@type': '${TYPE}.http.router.v3.Router' } }],
      route_config: { virtual_hosts: [{ name: all, domains: ['*'], routes: [
        { match: { path: /direct }, direct_response: { status: 200, body: { inline_string: direct } } },
        { match: { prefix: / }, route: { cluster: web } }] }] }
    }`;

const GET = 'GET /direct HTTP/1.1\r\nhost: a\r\n\r\n';
const post = (path: string) => `POST ${path} HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n`;

/** Says a request, and holds on to the connection whatever the proxy does, until a counter is what it should be. */
async function hold(stand: ConnectionStand, port: string, text: string, counters: Readonly<Record<string, number>>) {
  const socket = connect({ port: stand.port(port), host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => socket.destroy());
  socket.resume();
  try {
    socket.write(text, 'latin1');
    const all: number[] = [];
    for (const [name, wanted] of Object.entries(counters)) all.push(await stand.stat(`http.${port}.${name}`, wanted));
    return all;
  } finally {
    socket.destroy();
  }
}

/** A request, another two once the proxy has counted a reason to end the connection, and how that ended then. */
async function served(stand: ConnectionStand, port: string, counter: string) {
  const socket = connect({ port: stand.port(port), host: '127.0.0.1' });
  let text = '';
  let ended = 'open';
  socket.on('data', (bytes) => {
    text += bytes.toString('latin1');
  });
  socket.on('error', () => {
    ended = 'reset';
  });
  socket.on('end', () => {
    ended = 'closed';
  });
  const ask = (count: number) => {
    socket.write(GET);
    return waitFor('an answer', () => text.split('\r\n\r\ndirect').length > count || ended !== 'open');
  };
  try {
    await ask(1);
    await stand.stat(`http.${port}.${counter}`, 1);
    await ask(2);
    if (port !== 'safe') await ask(3);
    await waitFor('the end of the connection', () => ended !== 'open');
    return { answers: text.match(/200 OK|connection: \w+/g), ended };
  } finally {
    socket.destroy();
  }
}

const shown = (text: string) =>
  text.replace(/^(date|x-request-id|x-envoy-[\w-]+): .*\r\n/gm, '').replaceAll('\r\n', '|');

function http1(name: string, port: string, lines: readonly Line[], wants: object): ConnectionCase {
  return {
    name,
    async run(stand) {
      const { received } = await talk(stand.port(port), lines, { stays: true });
      return { received: shown(received), heard: stand.heard('web').map(shown) };
    },
    wants,
  };
}

/** What streams of one connection hear; `say` may wait for them in between. */
function http2(name: string, port: string, say: (wire: Http2Wire) => Promise<void>, wants: object): ConnectionCase {
  return {
    name,
    async run(stand) {
      using wire = await Http2Wire.open(stand.port(port));
      await say(wire);
      const streams = [...wire.streams].map(([id, { status, body, reset, ended }]) => ({
        id,
        status,
        body,
        reset,
        ended,
      }));
      return { streams, goaway: wire.goaway, closed: wire.closed };
    },
    wants,
  };
}

/** The rest of the body is no fault, and the connection goes on. */
const answeredEarly = (path: string) => async (wire: Http2Wire) => {
  wire.headers(1, requestFields('POST', path), false);
  await wire.settled(1);
  wire.data(1, 'late');
  wire.headers(3, requestFields('GET', '/direct'));
  await wire.settled(3);
};
const LATE = {
  streams: [
    { id: 1, status: '200', reset: 'noError', ended: true },
    { id: 3, status: '200', reset: null },
  ],
  goaway: null,
  closed: false,
};
const COUNTERS = {
  'http.early.downstream_rq_response_before_rq_complete': 7,
  'http.early.downstream_rq_rx_reset': 7,
  'http.early.downstream_rq_tx_reset': 0,
  'http.early.downstream_rq_2xx': 8,
  'http.early.downstream_cx_destroy': 7,
  'cluster.web.upstream_cx_destroy': 2,
  'cluster.web.upstream_rq_tx_reset': 0,
};
const CLOSE = { received: expect.stringContaining('connection: close') };

compareConnections({
  name: 'departures',
  listeners: {
    early: listener('early', 'delayed_close_timeout: 0.3s'),
    prompt: listener('prompt', 'delayed_close_timeout: 0s'),
    idle: listener('idle', `common_http_protocol_options: { idle_timeout: 0.3s }, ${SHORT}`),
    old: listener('old', `common_http_protocol_options: { max_connection_duration: 0.8s }, ${SHORT}`),
    safe: listener(
      'safe',
      `common_http_protocol_options: { max_connection_duration: 0.8s }, http1_safe_max_connection_duration: true, ${SHORT}`,
    ),
    aging: listener('aging', `common_http_protocol_options: { max_connection_duration: 0.3s }, ${SHORT}`),
  },
  cases: [
    http1('an answer before the body has come', 'early', [{ send: post('/direct') }, { hear: /direct$/ }], CLOSE),
    http1(
      'an answer in the read that brings the body',
      'early',
      [{ send: `${post('/direct')}0123456789` }, { hear: /direct$/ }],
      CLOSE,
    ),
    http1(
      'the answer of an upstream before the body has come',
      'early',
      [{ send: post('/') }, { hear: /web$/ }],
      CLOSE,
    ),
    {
      name: 'who does not close is waited for',
      run: (stand) =>
        hold(stand, 'early', post('/direct'), { downstream_cx_delayed_close_timeout: 1, downstream_cx_active: 0 }),
      wants: [1, 0],
    },
    {
      name: 'where nobody is waited for',
      run: (stand) =>
        hold(stand, 'prompt', post('/direct'), { downstream_cx_destroy: 1, downstream_cx_delayed_close_timeout: 0 }),
      wants: [1, 0],
    },
    http1(
      'a request that cannot be read',
      'early',
      [{ send: 'GET /direct HTTP/1.1\r\nhost: a\r\nx y\r\n\r\n' }, { hear: /Bad Request$/ }],
      CLOSE,
    ),
    http2('HTTP/2: an answer before the body has come', 'early', answeredEarly('/direct'), LATE),
    http2('HTTP/2: the answer of an upstream before the body has come', 'early', answeredEarly('/'), LATE),
    {
      name: 'counters of answers before the body has come',
      async run(stand) {
        const counters: Record<string, number> = {};
        for (const [name, wanted] of Object.entries(COUNTERS)) counters[name] = await stand.stat(name, wanted);
        return counters;
      },
      wants: COUNTERS,
    },
    {
      name: 'an idle connection serves what comes before it goes',
      run: (stand) => served(stand, 'idle', 'downstream_cx_idle_timeout'),
      wants: {
        answers: ['200 OK', '200 OK', 'connection: close', '200 OK', 'connection: close'],
        ended: 'closed',
      },
    },
    {
      name: 'an old connection serves what comes before it goes',
      run: (stand) => served(stand, 'old', 'downstream_cx_max_duration_reached'),
      wants: {
        answers: ['200 OK', '200 OK', 'connection: close', '200 OK', 'connection: close'],
        ended: 'closed',
      },
    },
    {
      name: 'an old connection goes with its next answer, where that is asked for',
      run: (stand) => served(stand, 'safe', 'downstream_cx_max_duration_reached'),
      wants: { answers: ['200 OK', '200 OK', 'connection: close'], ended: 'closed' },
    },
    {
      name: 'HTTP/2: an old connection serves what comes before it goes',
      async run(stand) {
        using wire = await Http2Wire.open(stand.port('aging'));
        const counter = await stand.stat('http.aging.downstream_cx_max_duration_reached', 1);
        const first = wire.goaway;
        wire.headers(1, requestFields('GET', '/direct'));
        await wire.settled(1);
        await wire.ended();
        return { counter, first, status: wire.stream(1).status, goaway: wire.goaway };
      },
      wants: { counter: 1, first: 'noError', status: '200', goaway: 'noError' },
    },
  ],
});
