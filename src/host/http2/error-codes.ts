/** Error codes of HTTP/2 (RFC 9113, section 7). Node.js has them in `node:http2`, which is only loaded when it is needed. */
export const errorCodes = {
  none: 0x0,
  internal: 0x2,
  refusedStream: 0x7,
  cancel: 0x8,
  enhanceYourCalm: 0xb,
} as const
