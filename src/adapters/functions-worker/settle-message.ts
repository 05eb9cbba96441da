/**
 * Moves a message of Service Bus that Azure's host holds to the dead letters. The host serves gRPC for that, which the workers of
 * .NET and Microsoft's package `@azure/functions-extensions-servicebus` use as well; that one is larger than this package may be.
 * (azure-functions-dotnet-worker, extensions/Worker.Extensions.ServiceBus/src/Proto/settlement.proto)
 */
const timeoutMs = 30_000

/** Where the host serves gRPC, as it tells its worker: `--host 127.0.0.1 --port 34567`, or `--functions-uri`. */
export function findHostAddress(args: readonly string[]): string | undefined {
  const readOption = (name: string) => {
    const at = args.indexOf(name)
    return at < 0 ? args.find(each => each.startsWith(`${name}=`))?.slice(name.length + 1) : args[at + 1]
  }
  const uri = URL.parse(readOption('--functions-uri') ?? '')
  if (uri) return uri.origin
  const [host, port] = [readOption('--host'), readOption('--port')]
  return host && port ? `http://${host}:${port}` : undefined
}

/** @throws Error when the host does not do it: it no longer holds the message, or is too old for it */
export async function deadLetterAtHost(
  address: string | undefined,
  lockToken: string,
  reason: string,
  description: string,
): Promise<void> {
  if (address === undefined) throw new Error('the host has not told where it settles messages')
  const request = frame(
    Buffer.concat([field(1, lockToken), field(3, field(1, reason)), field(4, field(1, description))]),
  )
  const { connect, constants } = await import('node:http2') // few apps have a dead letter ever
  const session = connect(address)
  try {
    const status = await new Promise<string>((resolve, reject) => {
      session.on('error', reject)
      const stream = session.request({
        [constants.HTTP2_HEADER_METHOD]: 'POST',
        [constants.HTTP2_HEADER_PATH]: '/Settlement/Deadletter',
        'content-type': 'application/grpc',
        te: 'trailers',
      })
      const read = (headers: Record<string, unknown>) => {
        if (headers['grpc-status'] === undefined) return
        resolve(`${headers['grpc-status']} ${decodeURIComponent(String(headers['grpc-message'] ?? ''))}`.trim())
      }
      stream.on('response', read).on('trailers', read).on('error', reject)
      stream.on('close', () => reject(new Error('the host closed the stream without a status')))
      stream.setTimeout(timeoutMs, () => stream.close(constants.NGHTTP2_CANCEL))
      stream.resume()
      stream.end(request)
    })
    if (status !== '0') throw new Error(`status ${status}`)
  } catch (cause) {
    throw new Error(`the host did not move the message to the dead letters: ${(cause as Error).message}`, { cause })
  } finally {
    session.close()
  }
}

/** A field of text or of a message. (Protocol Buffers, "Length-Delimited Records") */
function field(number: number, value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string)
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...varint(bytes.length)]), bytes])
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]
}

/** gRPC over HTTP/2, "Length-Prefixed-Message". */
function frame(message: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}
