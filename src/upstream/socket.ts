import net from 'node:net';
import tls from 'node:tls';

/** What TLS needs beyond the system's own roots; the names are node:tls's. */
export type TlsClientOptions = Pick<tls.ConnectionOptions, 'ca' | 'cert' | 'key' | 'servername' | 'rejectUnauthorized'>;

/** Where connections go and within which bounds; shared by all connections of one origin. */
export interface ConnectionOptions {
  /** 'https://api.example.com:8443', nothing after the port. */
  readonly origin: string;
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  readonly connectTimeoutMs: number;
  /** Most bytes of a response's head. */
  readonly maxHeaderBytes: number;
  /** How long an idle connection is kept where the server does not tell. */
  readonly keepAliveMs: number;
  readonly tls: TlsClientOptions;
}

/** TLS sessions by origin options, so that a second connection resumes the first one's. */
const sessions = new WeakMap<ConnectionOptions, Buffer>();

function secured(own: ConnectionOptions, onread?: net.OnReadOpts): tls.TLSSocket {
  const { host, port, tls: extra } = own;
  const session = sessions.get(own);
  const socket = tls.connect({
    host,
    port,
    ALPNProtocols: ['http/1.1'],
    ...(net.isIP(host) === 0 ? { servername: host } : {}),
    ...(session === undefined ? {} : { session }),
    ...(onread && { onread }),
    ...extra,
  });
  socket.setNoDelay(true).setKeepAlive(true);
  return socket.on('session', (fresh) => sessions.set(own, fresh));
}

/**
 * Opens a connection, to whatever address the host's name has now; it fails when it does not stand in time.
 * `ready` hears when it stands, TLS included; failures are the socket's `error` and `close` events.
 */
export function openSocket(options: ConnectionOptions, ready: () => void, onread?: net.OnReadOpts): net.Socket {
  const { secure, host, port, connectTimeoutMs } = options;
  const socket = secure
    ? secured(options, onread)
    : net.connect({ host, port, noDelay: true, keepAlive: true, ...(onread && { onread }) });
  const timer = setTimeout(
    () => socket.destroy(new Error(`no connection to ${host}:${port} within ${connectTimeoutMs} ms`)),
    connectTimeoutMs,
  );
  const settled = () => clearTimeout(timer);
  socket.once('close', settled);
  socket.once(secure ? 'secureConnect' : 'connect', () => {
    settled();
    ready();
  });
  return socket;
}
