const ignoredClosed = 'nghttp2 ignores frames of streams it has closed instead of answering STREAM_CLOSED';
const ignoredPriority = 'nghttp2 no longer reads PRIORITY, which RFC 9113 deprecates';

/** Cases of h2spec that fail, by section and title, and why. None of them is decided by code of this project but the first. */
export const knownFailures: Readonly<Record<string, string>> = {
  'http2/3.5: Sends invalid connection preface': 'the port is shared: what is no HTTP/2 preface is answered as HTTP/1',
  'http2/5.1: closed: Sends a DATA frame after sending RST_STREAM frame': ignoredClosed,
  'http2/5.1: closed: Sends a HEADERS frame after sending RST_STREAM frame': ignoredClosed,
  'http2/5.1: closed: Sends a DATA frame': ignoredClosed,
  'http2/5.1: closed: Sends a HEADERS frame': ignoredClosed,
  'http2/5.1.1: Sends stream identifier that is numerically smaller than previous': ignoredClosed,
  'http2/5.3.1: Sends PRIORITY frame that depend on itself': ignoredPriority,
  'http2/6.3: Sends a PRIORITY frame with 0x0 stream identifier': ignoredPriority,
  'http2/6.7: Sends a PING frame with ACK': 'Node closes a connection that acknowledges a ping it was never sent',
  'http2/6.9.1: Sends multiple WINDOW_UPDATE frames increasing the flow control window to above 2^31-1 on a stream':
    'the stream may be answered and closed before its second WINDOW_UPDATE arrives',
};
