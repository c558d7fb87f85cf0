import type { ChosenConfig } from '../config/choose.ts';
import type { GatewayEvents } from '../telemetry/gateway-events.ts';

/** Tells what works in a configuration, but hardly as meant. */
export function warnOf({ demo, file, why, warnings }: ChosenConfig, events: GatewayEvents): void {
  if (demo) events.configWarning(file, why);
  for (const { path, message } of warnings) events.configWarning(path, message);
}
