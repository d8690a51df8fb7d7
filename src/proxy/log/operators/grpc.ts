// gRPC's status: from the trailers, or the head of a response without a body; else what the HTTP status stands for.
import { ConfigError } from '../../config/config-error.ts';
import type { Exchange } from '../../http/exchange.ts';
import { GRPC_STATUS_NAMES, statusOf } from '../../http/grpc-status.ts';
import type { ResponseHead } from '../../http/message.ts';
import type { Operators } from './operator.ts';

export const grpc: Operators = {
  GRPC_STATUS(parameter, path) {
    switch (parameter) {
      case null:
      case '':
      case 'CAMEL_STRING':
        return (exchange, response) => named(grpcStatus(exchange, response), 0);
      case 'SNAKE_STRING':
        return (exchange, response) => named(grpcStatus(exchange, response), 1);
      case 'NUMBER':
        return grpcStatus;
      default:
        throw new ConfigError(
          path,
          `%GRPC_STATUS(${parameter})% is not supported (hint: CAMEL_STRING, SNAKE_STRING, NUMBER)`,
        );
    }
  },
  GRPC_STATUS_NUMBER(parameter, path) {
    if (parameter !== null) throw new ConfigError(path, '%GRPC_STATUS_NUMBER% takes no parameter');
    return grpcStatus;
  },
};

/** Undefined when the request was none of gRPC's. */
function grpcStatus(exchange: Exchange, response: ResponseHead | null): number | undefined {
  return isGrpc(exchange.request.headers.get('content-type')) ? statusOf(exchange, response) : undefined;
}

function isGrpc(type: string | undefined): boolean {
  return type !== undefined && /^application\/grpc(?:[+;]|$)/.test(type);
}

/** A number without a name stays a number. */
function named(status: number | undefined, form: 0 | 1): string | number | undefined {
  return status === undefined ? undefined : (GRPC_STATUS_NAMES[status]?.[form] ?? status);
}
