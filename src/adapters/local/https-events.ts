import { type LookupAddress, type LookupOptions, lookup } from 'node:dns'
import { request } from 'node:https'
import { BlockList, isIP, isIPv4, type LookupFunction } from 'node:net'
import type { EventSender } from '../../jobs/event-sender.ts'

const timeoutMs = 10_000

/** Addresses that are no hosts of the Internet (RFC 6890, RFC 4193, RFC 4291), or lead to such hosts (RFC 3056, RFC 8215). */
const privateAddresses = new BlockList()
for (const [network, bits] of [
  ...([
    ['0.0.0.0', 8],
    ['10.0.0.0', 8],
    ['100.64.0.0', 10],
    ['127.0.0.0', 8],
    ['168.63.129.16', 32], // services of Azure for its own machines
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
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
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
      const { host, hostname } = new URL(url)
      const fail = (why: string) => reject(new Error(`${host}${why}`))
      const address = hostname.replace(/^\[|\]$/g, '')
      // An address is connected to without a lookup.
      if (isIP(address) && isPrivate(address)) return fail(`: ${isPrivateWords}`)
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
          else fail(` answered with status ${statusCode}`)
        },
      )
      sent.on('error', failure => {
        fail(`: ${signal.aborted ? `no answer within ${timeoutMs / 1000} s` : describe(failure)}`)
      })
      // After 101, for which nobody has asked, there is neither an answer nor an error.
      sent.on('close', () => fail(' closed the connection without an answer'))
      sent.end(event)
    }),
}

const isPrivateWords = 'its address is that of a private network'

const publicLookup: LookupFunction = (hostname, options, done) => {
  lookup(hostname, { ...(options as LookupOptions), all: true }, (failure, addresses) => {
    if (failure) return done(failure, [])
    const refused = addresses.find(({ address }) => hostname !== 'localhost' && isPrivate(address))
    if (refused) return done(new Error(isPrivateWords), [])
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
