import { anonymous as anonymousPrincipal, type Call, type Principal } from '../kernel/call.ts';
import { Fault } from '../kernel/fault.ts';
import type { Gate } from '../kernel/gate.ts';
import { type CredentialSource, presentedCredential } from './credential.ts';
import { isLoopback } from './loopback.ts';
import { createOriginCheck, type OriginCheckOptions } from './origin-check.ts';

export interface GateOptions extends OriginCheckOptions {
  /** Whether calls without a credential are taken; 'auto': where the port listens on loopback only. */
  readonly anonymous: boolean | 'auto';
  /** The address that the port is bound to. */
  readonly host: string;
  /** Asked in this order; none: presented credentials are ignored. */
  readonly sources: readonly CredentialSource[];
}

/** Orchestrators and load balancers ask these, and have no credential. */
const isHealth = (method: string) =>
  method.startsWith('/grpc.health.v1.Health/') || method === '/llmbridge.v1.HealthService/CheckHealth';

/** Tells outsiders what there is to attack. */
const isReflection = (method: string) => method.startsWith('/grpc.reflection.');

const closed = () =>
  new Fault(
    'CREDENTIAL_MISSING',
    'this gateway takes no calls yet: it has no credential source, and anonymous calls are off (security.anonymous)',
  );
const missing = () =>
  new Fault('CREDENTIAL_MISSING', 'a credential is needed: send `authorization: Bearer ...` or `x-api-key`');
const invalid = () => new Fault('CREDENTIAL_INVALID', 'the credential is not valid');

/** Makes the gate that stands before every method, as the configuration of `security` and `server.host` has it. */
export function createGate({ anonymous, host, sources, ...origins }: GateOptions): Gate {
  const local = isLoopback(host);
  const open = anonymous === 'auto' ? local : anonymous;
  const checkOrigin = local && open ? createOriginCheck(origins) : () => {};

  /** Throws unless the call may be made by nobody in particular. */
  const admitAnonymous = (call: Call, presented: string | undefined): void => {
    if (sources.length > 0) {
      if (presented !== undefined) throw invalid();
      if (!open || (!local && isReflection(call.method))) throw missing();
    } else if (!open) throw closed();
    checkOrigin(call);
  };

  const identify = async (call: Call, presented: string | undefined): Promise<Principal | undefined> => {
    for (const source of sources) {
      const answer = source.identify(call, presented);
      // An await costs a turn of the microtask queue, and most sources need none.
      const principal = answer instanceof Promise ? await answer : answer;
      if (principal !== undefined) return principal;
    }
    return undefined;
  };

  return {
    authenticate(call) {
      call.principal = anonymousPrincipal;
      if (isHealth(call.method)) return checkOrigin(call);
      if (sources.length === 0) return admitAnonymous(call, undefined);
      const presented = presentedCredential(call);
      return identify(call, presented).then((principal) => {
        if (principal === undefined) admitAnonymous(call, presented);
        else call.principal = principal;
      });
    },
  };
}
