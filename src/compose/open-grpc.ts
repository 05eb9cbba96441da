import type { GrpcHandler } from '../protocols/grpc/server.ts'
import type { GrpcApp } from './grpc-services.ts'

/** The bundle beside this one, or the source when run from source. */
const entry = new URL(import.meta.url.endsWith('.ts') ? './grpc-services.ts' : './grpc.cjs', import.meta.url)

/**
 * @param start  the app, which the first call waits for
 * @returns what takes gRPC calls, whose code is loaded with the first one
 */
export function openGrpc(start: () => Promise<GrpcApp>): GrpcHandler {
  let handle: GrpcHandler | undefined
  let loading: Promise<GrpcHandler> | undefined
  const load = async () => {
    const [{ createGrpcServices }, app] = await Promise.all([
      import(entry.href) as Promise<typeof import('./grpc-services.ts')>,
      start(),
    ])
    handle = createGrpcServices(app)
    return handle
  }
  return (stream, headers) => {
    if (handle) return handle(stream, headers)
    stream.on('error', () => {}) // a caller may leave meanwhile
    loading ??= load()
    loading.then(
      loaded => loaded(stream, headers),
      failure => {
        console.error('gRPC calls cannot be answered:', failure)
        loading = undefined // a later call tries again
        if (!stream.closed && !stream.destroyed) stream.respond({ ':status': 503 }, { endStream: true })
      },
    )
  }
}
