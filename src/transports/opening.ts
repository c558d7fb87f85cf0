import { TLSSocket } from 'node:tls';
import type { ClientCertificate, Protocol } from '../kernel/call.ts';
import type { CallOpening } from './calls.ts';
import type { ServerRequest } from './listener.ts';

/** What a request's headers and socket tell of the call that it opens. */
export function openingOf(request: ServerRequest, method: string, protocol: Protocol): CallOpening {
  const socket = 'stream' in request ? request.stream.session?.socket : request.socket;
  return {
    method,
    protocol,
    headers: request.headers,
    remoteAddress: socket?.remoteAddress,
    certificate: socket instanceof TLSSocket ? certificateOf(socket) : undefined,
  };
}

const known = new WeakMap<TLSSocket, ClientCertificate | undefined>();

/** The client certificate of a connection, read once; undefined where there is none or it does not verify. */
function certificateOf(socket: TLSSocket): ClientCertificate | undefined {
  if (known.has(socket)) return known.get(socket);
  const certificate = socket.authorized ? socket.getPeerX509Certificate() : undefined;
  const told =
    certificate === undefined
      ? undefined
      : {
          subject: certificate.subject,
          commonName: /^CN=(.*)$/m.exec(certificate.subject)?.[1] ?? '',
          uris: (certificate.subjectAltName ?? '')
            .split(', ')
            .filter((name) => name.startsWith('URI:'))
            .map((name) => name.slice(4)),
        };
  known.set(socket, told);
  return told;
}
