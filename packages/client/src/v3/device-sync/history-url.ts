import { XmtpError } from '@xmtp-ts/protocol'
import { maxHistoryUrlLength } from '../../limits.ts'

/**
 * A URL that may come from another installation: https, or plain http on this machine or at the service that the app itself
 * has named.
 * @throws XmtpError `client.history.badUrl`
 */
export function checkHistoryUrl(text: string, trusted: string | undefined): string {
  const url = parse(text)
  const isAllowed =
    url?.protocol === 'https:' ||
    (url?.protocol === 'http:' && (isLoopback(url) || url.origin === parse(trusted ?? '')?.origin))
  if (url === undefined || !isAllowed || url.username !== '' || url.password !== '')
    throw new XmtpError(
      'client.history.badUrl',
      `${JSON.stringify(text.slice(0, 200))} is not where archives are kept.`,
    )
  return url.href
}

function parse(text: string): URL | undefined {
  const isRead = text.length <= maxHistoryUrlLength && URL.canParse(text)
  return isRead ? new URL(text) : undefined
}

function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}
