import { Health } from '../../gen/es/health/v1/health_pb.ts';
import { HealthService } from '../../gen/es/llmbridge/v1/health_service_pb.ts';
import { Fault } from '../kernel/fault.ts';
import { createCalls } from './calls.ts';
import { createConnectLane, type Mount } from './connect/lane.ts';
import { reflectionMount, reflectionPaths } from './connect/reflection.ts';
import { createCors } from './cors.ts';
import { createGrpcLane } from './grpc/lane.ts';
import { createHealth } from './health.ts';
import { headFault, originForm } from './host.ts';
import { refuseUnreadable } from './http/client-error.ts';
import { refuse } from './http/exchange.ts';
import { createHttpSurface } from './http/surface.ts';
import { createListener, type RequestHandler } from './listener.ts';
import type { ServerOptions, ServerParts, TlsOptions } from './parts.ts';
import { pathOf } from './paths.ts';
import type { SurfaceHandler } from './surface-io.ts';
import { createWebLane } from './web/lane.ts';

/** A gateway on its port. */
export interface Server {
  readonly port: number;
  /** Calls that are open now. */
  readonly inFlight: number;
  /**
   * Goes down without losing a call: not ready at once, no new connections, GOAWAY; open calls finish; what is left
   * after `drainTimeoutMs` is cancelled with SHUTTING_DOWN, told so, and closed. Resolves
   * with the number of those.
   */
  drain(): Promise<number>;
  /** TLS of new connections from now on. */
  secure(material: TlsOptions): void;
  /** Goes down now. */
  close(): Promise<void>;
}

/** How long calls that were cancelled may take to tell their callers. */
const farewellMs = 1_000;

/** `mounts` add handlers that are no `Rpc`, such as client streams. */
export async function createServer(
  parts: ServerParts,
  options: ServerOptions,
  mounts: readonly Mount[] = [],
): Promise<Server> {
  const calls = createCalls({ observer: parts.observer, clock: parts.clock, trustedProxies: options.trustedProxies });
  const rpcs = [...parts.rpcs, ...createHealth(parts.readiness)];
  const services = new Set(rpcs.map(({ desc }) => desc.parent));
  const open = new Set([...Health.methods, ...HealthService.methods].map(pathOf));
  const lane = createConnectLane({
    rpcs,
    open,
    mounts: options.reflection ? [reflectionMount(services), ...mounts] : mounts,
    parts,
    options,
    calls,
  });
  const cors = createCors(options.cors);
  const web = options.lanes === false ? undefined : createWebLane({ rpcs, open, parts, options, calls });
  const surface = createHttpSurface(parts, options, calls);
  let retired = false;

  const request: RequestHandler = (req, res) => {
    try {
      if (retired && req.httpVersionMajor < 2) res.setHeader('connection', 'close');
      if (!('stream' in req)) {
        const fault = headFault(req);
        if (fault !== undefined) {
          res.setHeader('connection', 'close');
          refuse(calls, req, res, fault);
          return;
        }
        if (req.url?.startsWith('/') === false) req.url = originForm(req.url);
      }
      if (cors(req, res) || web?.(req, res)) return;
      (lane.route(req) ?? surface.handle)(req, res);
    } catch {
      if (!res.headersSent) res.writeHead(500);
      res.end();
    }
  };
  const plain: SurfaceHandler = (req, res) => {
    try {
      surface.handle(req, res);
    } catch {
      if (!res.headersSent) res.writeHead(500, { 'content-length': 0 });
      res.end();
    }
  };
  const grpc = createGrpcLane({ rpcs, open, parts, options, calls });
  const listener = await createListener(options, {
    request,
    ...(options.lanes !== false && { stream: grpc, plain: { paths: surface.plainPaths, request: plain } }),
    unreadable: (error, socket, last) => refuseUnreadable(calls, error, socket, last),
  });

  const farewell = (done: Promise<void>, ms: number): Promise<void> =>
    new Promise((resolve) => {
      const disarm = parts.clock.after(ms, resolve);
      void done.then(() => {
        disarm();
        resolve();
      });
    });
  const stop = (): void => {
    parts.readiness.set(false);
    retired = true;
    listener.retire();
  };
  const cancelRest = async (): Promise<void> => {
    calls.cancelAll(new Fault('SHUTTING_DOWN', 'the server is shutting down', { retryAfterMs: 1_000 }));
    await farewell(calls.idle(), farewellMs);
  };

  return {
    port: listener.port,
    get inFlight() {
      return calls.inFlight;
    },
    secure: listener.secure,
    async drain() {
      stop();
      calls.cancelAll(new Fault('SHUTTING_DOWN', 'the server is shutting down'), (call) => endless.has(call.method));
      await farewell(calls.idle(), options.drainTimeoutMs);
      const cut = calls.inFlight;
      if (cut > 0) await cancelRest();
      // What was written last is on its way: HTTP/2 connections close by themselves once it is delivered.
      setImmediate(listener.closeIdle);
      await farewell(listener.closed, farewellMs);
      await listener.destroy();
      return cut;
    },
    async close() {
      stop();
      if (calls.inFlight > 0) await cancelRest();
      await listener.destroy();
    },
  };
}

/** Calls that never end by themselves; nobody waits for them. */
const endless: ReadonlySet<string> = new Set([pathOf(Health.method.watch), ...reflectionPaths]);
