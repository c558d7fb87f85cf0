import {
  type Attempt,
  AttemptOutcome,
  type GatewayReport,
  ParameterAction,
  type ParameterNote,
} from '../../../../gen/es/llmbridge/v1/report_pb.ts';
import { countMember, listMember, object, positiveMember, stringMember, trueMember } from './json-writer.ts';
import { usageJson } from './usage-json.ts';

/** The GatewayReport as the `llmbridge` member of an answer: the proto's names, zero fields left out, enums as words. */
export const reportJson = (report: GatewayReport): string =>
  object(
    stringMember('request_id', report.requestId) +
      stringMember('provider', report.provider) +
      stringMember('model', report.model) +
      trueMember('simulated', report.simulated) +
      listMember('attempts', report.attempts.map(attemptJson)) +
      listMember('parameters', report.parameters.map(noteJson)) +
      trueMember('cache_hit', report.cacheHit) +
      countMember('cost_usd', report.costUsd) +
      countMember('first_token_ms', report.firstTokenMs) +
      stringMember('recovered', report.recovered) +
      stringMember('cache', report.cache) +
      countMember('cache_age_ms', report.cacheAgeMs),
  );

const outcomes: Readonly<Record<number, string>> = {
  [AttemptOutcome.OK]: 'ok',
  [AttemptOutcome.FAILED]: 'failed',
  [AttemptOutcome.CANCELLED]: 'cancelled',
  [AttemptOutcome.TIMED_OUT]: 'timed_out',
  [AttemptOutcome.CUT]: 'cut',
};

const attemptJson = (attempt: Attempt): string =>
  object(
    stringMember('provider', attempt.provider) +
      stringMember('model', attempt.model) +
      stringMember('outcome', outcomes[attempt.outcome] ?? '') +
      positiveMember('status', attempt.status) +
      stringMember('reason', attempt.reason) +
      positiveMember('duration_ms', attempt.durationMs) +
      (attempt.usage === undefined ? '' : `"usage":${usageJson(attempt.usage)},`) +
      countMember('cost_usd', attempt.costUsd),
  );

const actions: Readonly<Record<number, string>> = {
  [ParameterAction.MAPPED]: 'mapped',
  [ParameterAction.DROPPED]: 'dropped',
  [ParameterAction.REFUSED]: 'refused',
};

const noteJson = (note: ParameterNote): string =>
  object(
    stringMember('name', note.name) +
      stringMember('action', actions[note.action] ?? '') +
      stringMember('detail', note.detail),
  );
