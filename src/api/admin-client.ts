// Asks a proxy's admin interface on behalf of a client of the API; bounded in time and size.
import { get } from 'node:http';

const TIMEOUT = 3_000;
const MAX_BYTES = 64 * 1024 * 1024;

/** The body of a 200 answer; rejects with what went wrong. */
export function fetchAdmin(admin: { readonly host: string; readonly port: number }, path: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(TIMEOUT);
    const request = get({ ...admin, path, signal, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      if (response.statusCode !== 200) request.destroy(new Error(`it answered ${response.statusCode}`));
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > MAX_BYTES) request.destroy(new Error('its answer is too long'));
        else chunks.push(chunk);
      });
      response.on('end', () => resolve(Buffer.concat(chunks)));
      response.on('error', reject);
    });
    request.on('error', (error) => reject(signal.aborted ? new Error(`no answer within ${TIMEOUT} ms`) : error));
  });
}
