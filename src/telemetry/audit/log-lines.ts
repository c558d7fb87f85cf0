import { errorShape } from '../error-shape.ts';
import type { Logger } from '../logger.ts';
import type { AuditEvents } from './events.ts';

/** What an audit log tells that is worth a line of the gateway's own log. */
export type AuditLines = Pick<AuditEvents, 'failing' | 'interfered' | 'resumed' | 'unverified' | 'anchored'>;

/** Writes what an audit log tells; each line is told apart by its `event`. */
export const createAuditLines = (logger: Logger): AuditLines => ({
  failing(thrown) {
    if (thrown === undefined) logger.info({ event: 'audit_back' }, 'the audit log is written again');
    else logger.error({ event: 'audit_failing', error: errorShape(thrown) }, 'the audit log cannot be written');
  },
  interfered(what) {
    logger.error({ event: 'audit_file_changed', ...what }, 'somebody else changed the file of the audit log');
  },
  resumed({ chain, seq, torn }) {
    const fields = { event: 'audit_resumed', chain, seq, torn_bytes: torn?.bytes ?? 0 };
    logger.warn(fields, 'the audit log broke off in a line; its chain goes on');
  },
  unverified(suffix) {
    const fields = { event: 'audit_unverified', suffix };
    logger.error(fields, 'the audit log does not verify: it was put aside under this suffix, and a new chain begun');
  },
  anchored({ chain, seq, mac }) {
    logger.info({ event: 'audit_anchor', chain, seq, mac }, 'the audit log stands here');
  },
});
