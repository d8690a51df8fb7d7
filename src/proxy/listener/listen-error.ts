// Why an address cannot be listened on, for whoever configured it.
export function listenError(
  name: string,
  { address, port }: { readonly address: string; readonly port: number },
  error: NodeJS.ErrnoException,
): Error {
  const why: Readonly<Record<string, string>> = {
    EADDRINUSE: 'the port is taken by another process (hint: stop it or choose another port)',
    EACCES: 'not allowed to listen there (hint: ports below 1024 need privileges)',
    EADDRNOTAVAIL: 'this machine has no such address',
  };
  const reason = why[error.code ?? ''] ?? error.message;
  return new Error(`listener ${name}: ${address}:${port}: ${reason}`, { cause: error });
}
