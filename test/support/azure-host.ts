/**
 * Azure's host as far as an app can tell, in a process: `node azure-host.ts <folder of the app> [user id]`. It prints its URL.
 *
 * - Functions are tried in the order of their names, whatever their routes; routes know no precedence. (FunctionMetadataManager,
 *   WebJobsRouteBuilder)
 * - A request is forwarded to the worker's own server; when its client leaves, so does the host. (DefaultHttpProxyService)
 * - SIGTERM: no further requests, those under way are completed for up to 10 s, then the app's end. (GrpcWorkerChannel) The exit code
 *   is 1 if one of them was not.
 *
 * Beside that, tests hand it blobs and messages (`POST /test/<function>`) and read what it has registered and moved to the dead letters
 * (`GET /test`); it serves the gRPC that settles messages, and names its address to the worker as Azure's host does.
 *
 * With a user id it becomes that user before it loads the app, so that this file and Node.js may lie where that user may not read.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createGrpcServer, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { AzureWorker } from './azure-worker.ts'

interface Route {
  readonly name: string
  readonly template: string
  readonly methods: readonly string[]
}

const maxDrainMs = 10_000

const [, , root = '', user] = process.argv
if (user !== undefined) {
  process.setgid?.(Number(user))
  process.setuid?.(Number(user))
}
process.chdir(root) // as the worker does
/** Requests of gRPC, as path and message in hexadecimal. */
const settlements: { path: string; message: string }[] = []
/** Locks that the host holds no more. */
const lostLock = Buffer.from('lost')
const grpc = createGrpcServer()
grpc.on('stream', async (stream: ServerHttp2Stream, headers) => {
  const framed = await buffer(stream)
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  const isLost = framed.includes(lostLock)
  stream.on('wantTrailers', () =>
    stream.sendTrailers(
      isLost ? { 'grpc-status': '9', 'grpc-message': 'LockToken%20not%20found' } : { 'grpc-status': '0' },
    ),
  )
  if (!isLost) settlements.push({ path: String(headers[':path']), message: framed.subarray(5).toString('hex') })
  stream.end(Buffer.alloc(5)) // google.protobuf.Empty
})
await new Promise<void>(listening => grpc.listen(0, '127.0.0.1', listening))
process.argv.push('--functions-uri', `http://127.0.0.1:${(grpc.address() as AddressInfo).port}/`)
const print = (line: string) => process.stdout.write(`${line}\n`) // the app may have a console of its own
const worker = new AzureWorker(print)
await worker.load(root)
const routes: Route[] = [...worker.functions.values()]
  .flatMap(({ metadata }) => {
    const trigger = Object.values(metadata.bindings).find(({ type }) => type === 'httpTrigger')
    return trigger
      ? [{ name: metadata.name, template: trigger.route ?? metadata.name, methods: trigger.methods ?? [] }]
      : []
  })
  .sort((one, other) => one.name.localeCompare(other.name, 'en'))

let active = 0
let drained = () => {}
// The front end takes heads of any length that clients send.
const server = createServer({ maxHeaderSize: 2 ** 20 }, (incoming, outgoing) => {
  active++
  void serve(incoming, outgoing).finally(() => {
    active--
    if (active === 0) drained()
  })
})

async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const { pathname } = new URL(incoming.url as string, 'http://host')
  if (/^\/test(\/|$)/.test(pathname)) return serveTest(pathname.slice('/test/'.length), incoming, outgoing)
  for (const { name, template, methods } of routes) {
    const params = methods.includes(incoming.method as string) ? matchRoute(template, pathname) : undefined
    if (params) return worker.proxy(name, params, incoming, outgoing)
  }
  outgoing.writeHead(404).end()
}

/** For tests: `{content, metadata}` for a function, with the content in base64; the answer has the outputs, or the error. */
async function serveTest(name: string, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const bytesAsText = (_key: string, value: unknown) =>
    (value as { type?: string } | null)?.type === 'Buffer'
      ? Buffer.from((value as { data: number[] }).data).toString()
      : value
  const answer = (body: object) => void outgoing.end(JSON.stringify(body, bytesAsText))
  if (name === '') return answer({ functions: [...worker.functions.values()].map(each => each.metadata), settlements })
  const { content, metadata } = JSON.parse((await buffer(incoming)).toString())
  try {
    answer({ response: await worker.trigger(name, Buffer.from(content, 'base64'), metadata) })
  } catch (error) {
    answer({ error: (error as Error).message })
  }
}

/** The routes of ASP.NET Core: names in braces take a segment, with a star the rest, which may be empty. */
function matchRoute(template: string, path: string): Record<string, string> | undefined {
  const parts = template.split('/').filter(part => part !== '')
  const segments = path.split('/').filter(segment => segment !== '')
  const params: Record<string, string> = {}
  for (const [index, part] of parts.entries()) {
    const [, star, name] = /^\{(\*?)(\w+)\}$/.exec(part) ?? []
    const segment = segments[index]
    if (star === '*') {
      params[name as string] = segments.slice(index).join('/')
      return params
    }
    if (segment === undefined) return undefined
    if (name !== undefined) params[name] = decodeURIComponent(segment)
    else if (part.toLowerCase() !== segment.toLowerCase()) return undefined
  }
  return segments.length === parts.length ? params : undefined
}

process.once('SIGTERM', async () => {
  server.close()
  grpc.close()
  const allDone = active === 0 ? undefined : new Promise<void>(done => (drained = done))
  await Promise.race([allDone, delay(maxDrainMs)])
  await worker.runHooks('appTerminate')
  process.exit(active === 0 ? 0 : 1)
})
server.listen(0, '127.0.0.1', () => print(`Listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`))
