import type {
  ChatCompletionResponse,
  StreamChatCompletionResponse,
} from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Balancer } from '../../balancer/balancer.ts';
import type { BalancerSettings } from '../../balancer/settings.ts';
import { Fault } from '../../kernel/fault.ts';
import type { CostOf, Provider, Route } from '../../kernel/provider.ts';
import { createChat } from '../chat.ts';
import { ask, FakeClock, fakeProvider, Inbox, openCall, settings, target } from './harness.ts';

/** Chat over fakes: a provider of each name, all targets of the route `fast`, and a clock that is moved by hand. */
export const setUp = (...names: string[]) => setUpWith({}, ...names);

/** A name with a tier after a slash, as `b/2`, is of that tier. */
export function setUpWith(
  {
    provider: providerOver,
    costOf,
    ...over
  }: Partial<BalancerSettings> & { provider?: Partial<Provider>; costOf?: CostOf },
  ...names: string[]
) {
  const clock = new FakeClock();
  const list = names.map((name) => fakeProvider(name.split('/')[0] ?? name, providerOver));
  const targets = list.map((provider, i) => ({ ...target(provider), priority: Number(names[i]?.split('/')[1] ?? 1) }));
  const route: Route = { name: 'fast', policy: ['priority'], targets };
  const providers = new Map<string, Provider>(list.map((provider) => [provider.name, provider]));
  const catalog = { providers, routes: new Map([['fast', route]]) };
  const balancer = new Balancer({ clock, settings: { ...settings, ...over }, chance: () => 0 });
  const [complete, stream] = createChat({ catalog: () => catalog, balancer, ...(costOf && { costOf }) });
  if (complete === undefined || stream === undefined) throw new Error('two methods');
  const call = openCall(clock);
  const whole = new Inbox<ChatCompletionResponse>();
  const chunks = new Inbox<StreamChatCompletionResponse>();
  return {
    clock,
    call,
    whole,
    chunks,
    balancer,
    upstream: (index: number) => {
      const provider = list[index];
      if (provider === undefined) throw new Error('no such provider');
      return provider.upstream;
    },
    complete: (request = ask('fast')) => complete.handle(call, request, whole as never),
    stream: (request = ask('fast')) => stream.handle(call, request, chunks as never),
    text: () => chunks.messages.map(({ choices }) => choices[0]?.delta?.content ?? '').join(''),
  };
}

/** The Fault that a promise rejects with. */
export const faultOf = async (promise: Promise<unknown>): Promise<Fault> => {
  const thrown: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(thrown instanceof Fault)) throw new Error(`no fault: ${String(thrown)}`);
  return thrown;
};

/** Lets everything happen that waits for no clock. */
export const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
