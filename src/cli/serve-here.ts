import { createGateway, type Gateway } from '../app.ts';
import type { ChosenConfig } from '../config/choose.ts';
import { loadConfig } from '../config/load.ts';
import { onHangUp } from '../hang-up.ts';
import { providerTypes } from '../providers/index.ts';
import type { PrimaryLink } from '../workers/worker.ts';
import { portProblem } from './port-problem.ts';
import { lingerMs, overdueMs } from './serve-patience.ts';
import { warnOf } from './serve-warnings.ts';
import { stopSignal } from './stop-signal.ts';
import { Exit } from './verb.ts';

/** Serves in this process until it is told to stop; resolves with the exit code. */
export async function serveHere(chosen: ChosenConfig, primary: PrimaryLink | undefined): Promise<number> {
  const stopped = primary?.stopped ?? stopSignal();
  let gateway: Gateway | undefined;
  onHangUp(() => gateway?.reload('SIGHUP'));
  try {
    const source = { files: chosen.files, load: () => loadConfig(chosen.file, process.env, providerTypes) };
    gateway = await createGateway(chosen.config, { source, ...(primary && { primary }) });
  } catch (error) {
    const { host, port } = chosen.config.server;
    const problem = portProblem(error, host, port, 'server.port (LLMBRIDGE_SERVER__PORT)');
    if (problem === undefined) throw error;
    process.stderr.write(`llm-bridge: ${problem}\n`);
    return Exit.FAILED;
  }
  const { events } = gateway;
  const fail = (thrown: unknown) => {
    events.failed(thrown);
    process.exit(Exit.FAILED);
  };
  process.on('uncaughtException', fail).on('unhandledRejection', fail);
  if (primary === undefined) warnOf(chosen, events);

  const signal = await stopped;
  // The drain's own timers keep no process alive; this one does, and ends what would hang.
  const overdue = setTimeout(() => process.exit(Exit.FAILED), chosen.config.server.drain_timeout + overdueMs);
  await gateway.drain(signal);
  clearTimeout(overdue);
  setTimeout(() => process.exit(Exit.OK), lingerMs).unref();
  return Exit.OK;
}
