import { createHash } from 'node:crypto';
import { afterAll, expect, test } from 'vitest';
import { createSimulatorServer } from '../../src/simulator/server.ts';
import { connectNode } from '../clients/connect-node.ts';
import { grpcJs } from '../clients/grpc-js.ts';
import { openaiNode } from '../clients/openai.ts';
import { checked } from '../support/checked-text.ts';
import { type GatewayProcess, spawnGateway } from '../support/gateway.ts';
import { grpcLeaver, jsonLeaver } from '../support/leavers.ts';
import { LightCaller, startLightProvider } from '../support/light-load.ts';
import { LoadTally } from '../support/load-tally.ts';
import { usageOf } from '../support/process-usage.ts';
import { Random } from '../support/random.ts';
import { simulatedDialects } from '../support/simulated-dialects.ts';
import { slowGrpc, slowSse } from '../support/slow-readers.ts';

// A gateway at 70 % of one core: cheap calls with long prompts make the load, whose rate is found by what the process
// uses, and among them stand the calls of real clients to providers in bad weather, callers that leave and such that read
// slowly. No call may be lost, and nothing of any may stay.

const minutes = Number(process.env['SOAK_MINUTES'] ?? 10);
const targetLoad = 0.7;
/** Calls a second by real clients, which cost whoever makes them more than the gateway. */
const mixedPerSecond = 40;
const promptBytes = 20_000;
const connections = 160;
/** No more than so many at once, so that a machine in trouble is not asked for ever more. */
const mostOpen = 600;

const key = 'soak-key';
const tightKey = 'tight-key';
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

const dialects = simulatedDialects.filter(({ name }) =>
  ['openai', 'responses', 'anthropic', 'gemini', 'cohere', 'ollama', 'bedrock'].includes(name),
);

const simulated = (port: number) =>
  dialects.map(({ name, type, basePath, options }) => {
    const more = Object.entries(options).map(([option, value]) => `, ${option}: ${value}`);
    const secret = name === 'bedrock' ? ', region: us-east-1' : '';
    return `  ${name}: { type: ${type.type}, base_url: "http://127.0.0.1:${port}${basePath}", api_keys: [k]${more.join('')}${secret} }`;
  });

const targets = (knobs: string) =>
  dialects.map(({ name, model }) => `{ provider: ${name}, model: "${model}:echo,${knobs}" }`).join(', ');

const configuration = (port: number, light: number) => `
server: { stalled_reader_timeout: 30s, keepalive_timeout: 30s }
providers:
${simulated(port).join('\n')}
  light: { type: openai, base_url: "http://127.0.0.1:${light}/v1", api_keys: [k] }
balancer:
  timeouts: { connect: 2s, first_token: 5s, idle: 1s }
  retry: { budget_ratio: 1, budget_min: 1000 }
  breaker: { consecutive: 1000000, min_requests: 1000000 }
models:
  - { name: light, targets: [{ provider: light, model: m }] }
  - { name: fair, policy: [round-robin], targets: [${targets('tps=2000')}] }
  - { name: slow, policy: [random], targets: [${targets('ttft=300ms,tps=200')}] }
  - { name: limited, targets: [{ provider: openai, model: "sim:echo,fault=429,retry_after=1" }, { provider: anthropic, model: "sim:echo", priority: 2 }] }
  - { name: cut, recovery: { mode: restart }, targets: [{ provider: gemini, model: "sim:echo,cut=9" }, { provider: cohere, model: "sim:echo", priority: 2 }] }
  - { name: reset, targets: [{ provider: anthropic, model: "sim:echo,fault=reset" }, { provider: ollama, model: "sim:echo", priority: 2 }] }
  - { name: stalled, recovery: { mode: restart }, targets: [{ provider: openai, model: "sim:echo,stall=7" }, { provider: responses, model: "sim:echo", priority: 2 }] }
  - { name: lost, targets: [{ provider: cohere, model: "sim:echo,cut=5" }] }
  - { name: dead, retry: { max: 0 }, targets: [{ provider: openai, model: "sim:echo,fault=503" }] }
  - { name: much, timeouts: { first_token: 20s, idle: 30s }, targets: [{ provider: openai, model: "sim:tokens=12000" }] }
security:
  api_keys:
    - { name: soak, user: soak, sha256: ${sha256(key)} }
    - { name: tight, user: tight, sha256: ${sha256(tightKey)} }
rate_limit:
  global: { requests: 100000000/m, tokens: 100000000000/m, concurrent: 100000 }
  user: { requests: 100000000/m, tokens: 100000000000/m, concurrent: 100000, overrides: { tight: { requests: 120/m, concurrent: 3 } } }
  ip: { requests: 100000000/m }
`;

/** Bad weather is met now and then. */
const routes = [
  ...['fair', 'fair', 'fair', 'fair', 'fair', 'slow', 'slow', 'limited', 'cut', 'reset', 'stalled', 'lost', 'dead'],
] as const;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const started: GatewayProcess[] = [];
afterAll(() => Promise.all(started.map((gateway) => gateway.stop())));

test(
  `${minutes} minutes at ${targetLoad * 100} % of a core`,
  async () => {
    const simulator = await createSimulatorServer();
    const light = await startLightProvider();
    const tally = new LoadTally(Math.ceil(minutes * 60 * 6_000));
    let collections = 0;
    const gateway = await spawnGateway(
      configuration(simulator.port, light.port),
      { NODE_FLAGS: '--expose-gc --import=./test/support/collect-on-signal.ts' },
      (line) => {
        if (line === 'collected') collections++;
        else tally.line(line);
      },
    );
    started.push(gateway);
    const { port } = gateway;
    const pid = gateway.child.pid ?? 0;
    const random = new Random(8);

    const metric = async (name: string): Promise<number> => {
      const text = await (await fetch(`${gateway.url}/metrics`)).text();
      const samples = text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'));
      return [...samples].reduce((all, [, value]) => all + Number(value), 0);
    };
    const headersOf = (call: number, secret = key) => ({
      authorization: `Bearer ${secret}`,
      'x-request-id': tally.idOf(call),
    });

    // Cheap calls.
    const lightCallers = Array.from({ length: connections }, () => new LightCaller(port, 'light', promptBytes));
    let nextLight = 0;
    const askLightly = (): boolean => {
      // In turn, so that none is idle for long: the gateway would close it just when it is used.
      const caller = lightCallers[nextLight++ % connections];
      if (caller === undefined || caller.busy) return false;
      const call = tally.begin();
      const headers = `authorization: Bearer ${key}\r\nx-request-id: ${tally.idOf(call)}\r\n`;
      caller.call(call, call % 3 === 0, headers, ({ whole, code, received }) => {
        if (whole) tally.whole(call);
        else if (code !== undefined) tally.honest(call, `light ${code}`);
        else tally.broken(call, received.slice(0, 600) || 'the connection was closed');
      });
      return true;
    };

    // Calls of real clients, over each protocol.
    const clients = await Promise.all(
      [grpcJs, openaiNode, ...connectNode].map(async (caller) => ({
        name: caller.name,
        client: await caller.connect(port),
      })),
    );
    const leavers = [jsonLeaver(port), grpcLeaver(port)];
    const ask = (route: string, secret = key): void => {
      const call = tally.begin();
      const content = checked(call);
      const { name, client } = random.pick(clients);
      const mode = random.pick(['chat', 'stream', 'stream'] as const);
      client
        .ask(mode, { model: route, content, maxTokens: 500, headers: headersOf(call, secret) })
        .then((answer) => tally.judge(call, `${name}, ${mode} of ${route}`, content, answer))
        .catch((error) => tally.broken(call, String(error)));
    };
    const leave = (): void => {
      const call = tally.begin();
      const open = random
        .pick(leavers)
        .call(random.pick(['fair', 'slow', 'slow']), random.next() < 0.7, headersOf(call));
      const timer = setTimeout(() => open.leave(), random.next() * 600);
      open.over
        .then(() => clearTimeout(timer))
        .then(() => tally.left(call))
        .catch((error) => tally.broken(call, String(error)));
    };
    let muchText: string | undefined;
    const readSlowly = async (reader: typeof slowSse, ms: number): Promise<void> => {
      const call = tally.begin();
      const stream = reader(port, 'much', headersOf(call));
      await stream.stopped;
      await pause(ms);
      stream.resume();
      const text = await stream.text;
      muchText ??= text;
      if (text !== undefined && text === muchText && text.length > 12_000) tally.whole(call);
      else tally.broken(call, `${reader.name} got ${text?.length} characters of ${muchText?.length}`);
    };
    const askMixed = (turn: number): void => {
      if (turn % 200 === 0) void readSlowly(slowSse, 3_000);
      else if (turn % 200 === 100) void readSlowly(slowGrpc, 3_000);
      else if (turn % 5 === 0) leave();
      else if (turn % 7 === 0) ask('fair', tightKey);
      else ask(random.pick(routes));
    };

    /** What the process holds once nothing is asked, idle connections to providers are closed and garbage is collected. */
    const rest = async () => {
      const limit = performance.now() + 60_000;
      while (tally.open > 0 && performance.now() < limit) await pause(50);
      await pause(7_000);
      for (let i = 0; i < 2; i++) {
        const before = collections;
        gateway.child.kill('SIGUSR2');
        while (collections === before) await pause(20);
      }
      return { ...usageOf(pid), heap: (await metric('nodejs_heap_size_used_bytes')) / 1e6 };
    };

    let rate = 200;
    let turn = 0;
    /** Makes load, and finds its rate. Returns the mean load, in cores. */
    const work = async (seconds: number): Promise<{ readonly load: number; readonly own: number }> => {
      const from = { at: performance.now(), cpu: usageOf(pid).cpu, own: process.cpuUsage() };
      let [looked, ticked] = [{ at: from.at, cpu: from.cpu }, from.at];
      let [due, dueMixed] = [0, 0];
      while (performance.now() - from.at < seconds * 1_000) {
        await pause(5);
        const now = performance.now();
        due += (rate * (now - ticked)) / 1_000;
        dueMixed += (Math.min(mixedPerSecond, rate / 4) * (now - ticked)) / 1_000;
        ticked = now;
        for (; dueMixed >= 1; dueMixed--) if (tally.open < mostOpen) askMixed(turn++);
        for (let tries = connections; due >= 1 && tries > 0 && tally.open < mostOpen; tries--) if (askLightly()) due--;
        // What a machine in trouble could not take is not made up for.
        due = Math.min(due, 50);
        if (now - looked.at < 2_000) continue;
        const { cpu } = usageOf(pid);
        const load = (cpu - looked.cpu) / ((now - looked.at) / 1_000);
        rate *= Math.min(1.25, Math.max(0.8, targetLoad / load));
        rate = Math.min(5_000, Math.max(50, rate));
        looked = { at: now, cpu };
      }
      const elapsed = (performance.now() - from.at) / 1_000;
      const own = process.cpuUsage(from.own);
      return {
        load: (usageOf(pid).cpu - from.cpu) / elapsed,
        own: (own.user + own.system) / 1e6 / elapsed,
      };
    };

    const atFirst = await rest();
    const shown = (state: { readonly memory: number; readonly heap?: number; readonly descriptors: number }) =>
      `${state.memory.toFixed(0)} MB resident, ${state.heap?.toFixed(1) ?? '?'} MB heap, ${state.descriptors} descriptors`;
    console.log(`idle: ${shown(atFirst)}`);
    let afterFirst = atFirst;
    for (let minute = 1; minute <= Math.max(2, minutes); minute++) {
      const callsBefore = tally.calls;
      const { load, own } = await work(60);
      const { whole, honest, left } = tally.counts;
      console.log(
        `minute ${minute}: ${tally.calls - callsBefore} calls, load ${(load * 100).toFixed(0)} % (this process ${(own * 100).toFixed(0)} %), ` +
          `rate ${rate.toFixed(0)}/s; so far ${whole} whole, ${honest} honest errors, ${left} left, ${tally.wrong.length} wrong, ` +
          `${tally.open} open; ${usageOf(pid).memory.toFixed(0)} MB resident`,
      );
      if (minute > 1) continue;
      afterFirst = await rest();
      console.log(`at rest: ${shown(afterFirst)}`);
    }
    await rest();
    const openAtEnd = tally.open;
    for (const { client } of clients) await client.close();
    for (const leaver of leavers) leaver.close();
    for (const caller of lightCallers) caller.close();
    // Some clients keep their idle connections for as long as the gateway does, and the gateway keeps its own for the 75 s
    // that the simulator announces.
    const goneBy = performance.now() + 85_000;
    while (usageOf(pid).descriptors > atFirst.descriptors + 2 && performance.now() < goneBy) await pause(500);
    const atEnd = await rest();
    console.log(`at the end: ${shown(atEnd)}; honest errors ${JSON.stringify(tally.reasons)}`);

    expect(tally.wrong.slice(0, 10)).toEqual([]);
    expect(openAtEnd).toBe(0);
    expect(tally.counts.whole).toBeGreaterThan(tally.calls * 0.95);
    expect(tally.unlogged().slice(0, 10)).toEqual([]);
    expect(await metric('llmbridge_requests_in_flight')).toBe(0);
    expect(await metric('llmbridge_target_attempts_in_flight')).toBe(0);
    expect(simulator.requests().open).toBe(0);
    expect(light.connections).toBe(0);
    expect(atEnd.descriptors).toBeLessThanOrEqual(atFirst.descriptors + 2);
    expect(atEnd.heap).toBeLessThan(afterFirst.heap * 1.15 + 2);
    expect(atEnd.memory).toBeLessThan(afterFirst.memory * 1.3);
    await simulator.close();
    light.close();
  },
  (minutes + 6) * 60_000,
);
