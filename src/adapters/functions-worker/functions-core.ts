/**
 * What Azure's Node worker, and the embedded host in its place, supply as the module `@azure/functions-core`, as far as it is used
 * here. `@azure/functions` is built on it and hides two facts that a project needs: the folder of the app, and which functions are
 * registered already. (azure-functions-nodejs-worker, setupCoreModule.ts)
 */
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import core from '@azure/functions-core'

export interface FunctionMetadata {
  readonly name: string
  readonly bindings: Readonly<Record<string, { readonly type: string; readonly route?: string }>>
}

export interface FunctionsCore {
  registerFunction(metadata: FunctionMetadata, handler: unknown): unknown
  registerHook(name: 'appStart', callback: (context: { readonly functionAppDirectory?: string }) => unknown): unknown
  /** Only the embedded host takes streams of gRPC calls. */
  registerGrpc?(handler: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void): void
}

export const functionsCore: FunctionsCore = core

export function isEmbeddedHost(core: FunctionsCore): boolean {
  return core.registerGrpc !== undefined
}
