import { AttemptOutcome } from '../../gen/es/llmbridge/v1/report_pb.ts';

/** How an attempt ended, as logs and metrics name it. */
export const attemptOutcomes: Readonly<Record<number, string>> = {
  [AttemptOutcome.UNSPECIFIED]: 'unspecified',
  [AttemptOutcome.OK]: 'ok',
  [AttemptOutcome.FAILED]: 'failed',
  [AttemptOutcome.CANCELLED]: 'cancelled',
  [AttemptOutcome.TIMED_OUT]: 'timed_out',
  [AttemptOutcome.CUT]: 'cut',
};
