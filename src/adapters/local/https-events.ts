import { type LookupAddress, type LookupOptions, lookup } from 'node:dns'
import { request } from 'node:https'
import { BlockList, isIPv4, type LookupFunction } from 'node:net'
import type { EventSender } from '../../jobs/event-sender.ts'

const timeoutMs = 10_000

/** Addresses that are no hosts of the Internet (RFC 6890, RFC 4193, RFC 4291). */
const privateAddresses = new BlockList()
for (const [network, bits] of [
  ...([
    ['0.0.0.0', 8],
    ['10.0.0.0', 8],
    ['100.64.0.0', 10],
    ['127.0.0.0', 8],
    ['169.254.0.0', 16],
  ] as const),
  ...([
    ['172.16.0.0', 12],
    ['192.0.0.0', 24],
    ['192.168.0.0', 16],
    ['198.18.0.0', 15],
    ['224.0.0.0', 3],
  ] as const),
])
  privateAddresses.addSubnet(network, bits, 'ipv4')
for (const [network, bits] of [
  ['::', 96],
  ['64:ff9b::', 96],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  privateAddresses.addSubnet(network, bits, 'ipv6')

/**
 * Posts events over TLS. Redirects are not followed, because they lead to hosts that were not allowed; and a name must not lead into a
 * private network, as its owner may change where it leads, except `localhost`, which tests use.
 */
export const httpsEvents: EventSender = {
  post: (url, event) =>
    new Promise((resolve, reject) => {
      const signal = AbortSignal.timeout(timeoutMs)
      const sent = request(
        url,
        {
          method: 'POST',
          headers: {
            'content-type': 'application/cloudevents+json; charset=utf-8',
            'content-length': Buffer.byteLength(event),
          },
          agent: false,
          lookup: publicLookup,
          signal,
        },
        response => {
          response.destroy()
          const { statusCode = 0 } = response
          if (statusCode >= 200 && statusCode < 300) resolve()
          else reject(new Error(`${new URL(url).host} answered with status ${statusCode}`))
        },
      )
      sent.on('error', failure => {
        const what = signal.aborted ? `no answer within ${timeoutMs / 1000} s` : describe(failure)
        reject(new Error(`${new URL(url).host}: ${what}`))
      })
      sent.end(event)
    }),
}

const publicLookup: LookupFunction = (hostname, options, done) => {
  lookup(hostname, { ...(options as LookupOptions), all: true }, (failure, addresses) => {
    if (failure) return done(failure, [])
    const refused = addresses.find(({ address }) => hostname !== 'localhost' && isPrivate(address))
    if (refused) return done(new Error('its address is that of a private network'), [])
    if (options.all) return done(null, addresses)
    const [{ address, family }] = addresses as [LookupAddress]
    done(null, address, family)
  })
}

/** @param address  IPv4, IPv6, or IPv4 in IPv6 such as `::ffff:10.0.0.1` */
export function isPrivate(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  const plain = mapped ?? address
  return privateAddresses.check(plain, isIPv4(plain) ? 'ipv4' : 'ipv6')
}

/** Messages of TLS may quote certificates; codes are enough. */
function describe(failure: Error): string {
  return (failure as NodeJS.ErrnoException).code ?? failure.message
}
