import { anonymous as anonymousPrincipal, type Call } from '../kernel/call.ts';
import { Fault } from '../kernel/fault.ts';
import type { Gate } from '../kernel/gate.ts';
import { type CredentialSource, presentedCredential } from './credential.ts';
import type { FailedAttempts } from './failed-attempts.ts';
import { isLoopback } from './loopback.ts';
import { createOriginCheck, type OriginCheckOptions } from './origin-check.ts';
import { invalidCredential, missingCredential, noSource } from './refusals.ts';

export interface GateOptions extends OriginCheckOptions {
  /** Whether calls without a credential are taken; 'auto': where the port listens on loopback only. */
  readonly anonymous: boolean | 'auto';
  /** The address that the port is bound to. */
  readonly host: string;
  /** Asked in this order; none: presented credentials are ignored. */
  readonly sources: readonly CredentialSource[];
  readonly attempts: FailedAttempts;
}

/** Orchestrators and load balancers ask these, and have no credential. */
const isHealth = (method: string) =>
  method.startsWith('/grpc.health.v1.Health/') || method === '/llmbridge.v1.HealthService/CheckHealth';

/** Tells outsiders what there is to attack. */
const isReflection = (method: string) => method.startsWith('/grpc.reflection.');

/** Makes the gate that stands before every method, as the configuration of `security` and `server.host` has it. */
export function createGate({ anonymous, host, sources, attempts, ...origins }: GateOptions): Gate {
  const local = isLoopback(host);
  const open = anonymous === 'auto' ? local : anonymous;
  const checkOrigin = local && open ? createOriginCheck(origins) : () => {};

  /** Throws unless the call may be made by nobody in particular. */
  const admitAnonymous = (call: Call, presented: string | undefined): void => {
    if (sources.length > 0) {
      if (presented !== undefined) throw invalidCredential();
      if (!open || (!local && isReflection(call.method))) throw missingCredential();
    } else if (!open) throw noSource();
    checkOrigin(call);
  };

  /** Asks the sources from the `from`th on. Only those that have to wait make the call wait. */
  const identify = (call: Call, presented: string | undefined, from = 0): void | Promise<void> => {
    for (let i = from; i < sources.length; i++) {
      const answer = sources[i]?.identify(call, presented);
      if (answer instanceof Promise) {
        return answer.then((principal) => {
          if (principal === undefined) return identify(call, presented, i + 1);
          call.principal = principal;
        });
      }
      if (answer !== undefined) {
        call.principal = answer;
        return;
      }
    }
    admitAnonymous(call, presented);
  };

  const noted = (call: Call, thrown: unknown): unknown => {
    if (thrown instanceof Fault && thrown.reason === 'CREDENTIAL_INVALID') attempts.failed(call);
    return thrown;
  };

  /** Judges a credential, and remembers what came of it. */
  const judge = (call: Call, presented: string): void | Promise<void> => {
    let verdict: void | Promise<void>;
    try {
      verdict = identify(call, presented);
    } catch (thrown) {
      throw noted(call, thrown);
    }
    if (verdict === undefined) return attempts.succeeded(call, presented);
    return verdict.then(
      () => attempts.succeeded(call, presented),
      (thrown: unknown) => Promise.reject(noted(call, thrown)),
    );
  };

  return {
    authenticate(call) {
      call.principal = anonymousPrincipal;
      if (isHealth(call.method)) return checkOrigin(call);
      if (sources.length === 0) return admitAnonymous(call, undefined);
      const presented = presentedCredential(call);
      // Nobody guesses with nothing, nor with a certificate that an authority signed.
      if (presented === undefined) return identify(call, presented);
      const turn = attempts.turn(call, presented);
      return turn === undefined ? judge(call, presented) : turn.then(() => judge(call, presented));
    },
  };
}
