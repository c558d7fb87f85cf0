import type { Http2Session } from 'node:http2';
import { TLSSocket } from 'node:tls';
import type { ClientCertificate, Protocol } from '../kernel/call.ts';
import type { CallOpening } from './calls.ts';
import type { SurfaceRequest } from './surface-io.ts';

/** What a request's headers and socket tell of the call that it opens. */
export function openingOf(request: SurfaceRequest, method: string, protocol: Protocol): CallOpening {
  const { headers } = request;
  if ('stream' in request) return { method, protocol, headers, ...peerOf(request.stream.session) };
  const { socket } = request;
  return { method, protocol, headers, remoteAddress: socket.remoteAddress, certificate: certificateOfPeer(socket) };
}

/** The other end of an HTTP/2 connection. */
export type Peer = Pick<CallOpening, 'remoteAddress' | 'certificate'>;

const nobody: Peer = { remoteAddress: undefined, certificate: undefined };
const peers = new WeakMap<Http2Session, Peer>();

/** Who is at the other end, asked once for each connection: Node tells it through a slow stand-in for the socket. */
export function peerOf(session: Http2Session | undefined): Peer {
  if (session === undefined) return nobody;
  const known = peers.get(session);
  if (known !== undefined) return known;
  if (session.destroyed) return nobody;
  const { socket } = session;
  const peer = { remoteAddress: socket.remoteAddress, certificate: certificateOfPeer(socket) };
  peers.set(session, peer);
  return peer;
}

const certificateOfPeer = (socket: unknown): ClientCertificate | undefined =>
  socket instanceof TLSSocket ? certificateOf(socket) : undefined;

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
