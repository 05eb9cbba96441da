/**
 * What Azure's Node worker, and the embedded host in its place, supply as the module `@azure/functions-core`, as far as it is used
 * here. `@azure/functions` is built on it and hides two facts that a project needs: the folder of the app, and which functions are
 * registered already. (azure-functions-nodejs-worker, setupCoreModule.ts)
 */
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import core from '@azure/functions-core'
import type { BusMessage } from '../../triggers/service-bus.ts'

export interface FunctionMetadata {
  readonly name: string
  readonly bindings: Readonly<Record<string, { readonly type: string; readonly route?: string }>>
}

/** Service Bus as the embedded host reaches it, over AMQP. */
export interface HostServiceBus {
  /** @returns whether it is in the queue; false: it is too large for that */
  send(connection: string, queue: string, message: BusMessage): Promise<boolean>
  deadLetter(lockToken: string, reason: string, description: string): Promise<void>
}

export interface FunctionsCore {
  registerFunction(metadata: FunctionMetadata, handler: unknown): unknown
  registerHook(name: 'appStart', callback: (context: { readonly functionAppDirectory?: string }) => unknown): unknown
  /** Only the embedded host takes streams of gRPC calls. */
  registerGrpc?(handler: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void): void
  /** Only the embedded host has it: Azure's has gRPC for dead letters, and nothing to send with. */
  readonly serviceBus?: HostServiceBus
}

export const functionsCore: FunctionsCore = core

export function isEmbeddedHost(core: FunctionsCore): boolean {
  return core.registerGrpc !== undefined
}
