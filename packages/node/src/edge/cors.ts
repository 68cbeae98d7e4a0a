import type { OutgoingHttpHeaders } from 'node:http'

/** What browsers may send: the union of the REST gateway's and the gRPC-Web proxy's lists (node-api §2.5). */
const allowedHeaders = [
  'Content-Type',
  'Accept',
  'Authorization',
  'X-App-Version',
  'X-Client-Version',
  'X-Libxmtp-Version',
  'Baggage',
  'DNT',
  'Sec-CH-UA',
  'Sec-CH-UA-Mobile',
  'Sec-CH-UA-Platform',
  'Sentry-Trace',
  'User-Agent',
  'Keep-Alive',
  'Cache-Control',
  'Content-Transfer-Encoding',
  'X-Accept-Content-Transfer-Encoding',
  'X-Accept-Response-Streaming',
  'X-User-Agent',
  'X-Grpc-Web',
  'Grpc-Timeout',
].join(',')

const exposedHeaders = [
  'grpc-status',
  'grpc-message',
  'grpc-status-details-bin',
  'retry-after',
  'subscribed',
  'x-xmtp-resume-token',
  'grpc-metadata-subscribed',
].join(',')

/** On every answer, errors and streams included: without it a browser shows its page nothing. */
export const corsHeaders: OutgoingHttpHeaders = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers': exposedHeaders,
}

/** The answer to a preflight, good for 20 days. */
export const preflightHeaders: OutgoingHttpHeaders = {
  ...corsHeaders,
  'Access-Control-Allow-Headers': allowedHeaders,
  'Access-Control-Allow-Methods': 'GET,HEAD,POST,PUT,PATCH,DELETE,OPTIONS',
  'Access-Control-Max-Age': '1728000',
  'Content-Length': '0',
}
