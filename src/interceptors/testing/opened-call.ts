import { Call, type CallInit, type ClientCertificate } from '../../kernel/call.ts';

/** A call as a transport opens it, with what a test says otherwise. */
export function openedCall(init: Partial<CallInit> = {}, certificate?: ClientCertificate): Call {
  const call = new Call({
    id: '1',
    method: '/llmbridge.v1.ChatService/ChatCompletion',
    protocol: 'http',
    headers: {},
    address: '192.0.2.1',
    trace: { traceId: '', spanId: '', parentId: '', flags: '01', state: '' },
    startedAt: 0,
    ...init,
  });
  call.certificate = certificate;
  return call;
}
