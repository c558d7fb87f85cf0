/** Told of credentials that prove nothing, and of what is done about those who send them; for metrics. */
export interface GateEvents {
  /** A credential was judged and found wrong. */
  credentialFailed(): void;
  /** One was judged only after a wait, for many wrong ones came from the same address. */
  credentialSlowed(): void;
  /** One was refused without being judged: too many from the same address wait already. */
  credentialRefused(): void;
}

/** For whoever does not want to know. */
export const noGateEvents: GateEvents = { credentialFailed() {}, credentialSlowed() {}, credentialRefused() {} };
