// The applications of the proxyless test: `server` answers with its version, `client` calls xds:///… again and again and prints the answers.
import { Client, credentials, Server, ServerCredentials } from '@grpc/grpc-js';
import { register } from '@grpc/grpc-js-xds';

const path = '/test.Echo/Echo';
const toBytes = (value: string): Buffer => Buffer.from(value);
const fromBytes = (bytes: Buffer): string => bytes.toString();

if (process.argv[2] === 'server') serve();
else call(process.argv[3] ?? '');

function serve(): void {
  const server = new Server();
  const serializers = {
    ...{ requestSerialize: toBytes, requestDeserialize: fromBytes },
    ...{ responseSerialize: toBytes, responseDeserialize: fromBytes },
  };
  server.addService(
    { echo: { path, requestStream: false, responseStream: false, ...serializers } },
    {
      echo: (_: unknown, answer: (error: null, value: string) => void) =>
        answer(null, process.env['TULLE_VERSION'] ?? ''),
    },
  );
  server.bindAsync(`127.0.0.1:${process.env['PORT']}`, ServerCredentials.createInsecure(), (error) => {
    if (error !== null) throw error;
  });
}

function call(target: string): void {
  register();
  const client = new Client(target, credentials.createInsecure());
  const again = (): void => {
    const options = { deadline: Date.now() + 2_000 };
    client.makeUnaryRequest(path, toBytes, fromBytes, 'hello', options, (error, answer) => {
      process.stdout.write(`${error === null ? answer : error.message}\n`);
      setTimeout(again, 50);
    });
  };
  again();
}
