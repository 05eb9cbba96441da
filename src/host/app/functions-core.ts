import Module from 'node:module'
import type { HostLog, LogCategory, LogLevel } from '../host-log.ts'
import type { GrpcHandler } from '../http/receiver.ts'

/** A trigger, input or output of a function, as `@azure/functions` registers it. */
export interface Binding {
  readonly type: string
  readonly direction: 'in' | 'out' | 'inout'
  readonly [setting: string]: unknown
}

/** The registration that `app.http(...)` and the like pass to the host. */
export interface FunctionMetadata {
  readonly name: string
  readonly functionId?: string
  readonly bindings: Readonly<Record<string, Binding>>
  readonly retryOptions?: unknown
}

export type FunctionHandler = (...inputs: unknown[]) => unknown

export interface RegisteredFunction {
  readonly name: string
  readonly metadata: FunctionMetadata
  readonly handler: FunctionHandler
}

export type HookName = 'appStart' | 'appTerminate' | 'preInvocation' | 'postInvocation' | 'log'
export type HookCallback = (context: object) => unknown

/**
 * The module `@azure/functions-core` of Azure's Node worker (it is on no registry), for one app per process: it collects the
 * functions and hooks that the app registers. (lib types-core, worker setupCoreModule.ts)
 */
export class FunctionsCore {
  readonly functions = new Map<string, RegisteredFunction>()
  readonly hooks: Readonly<Record<HookName, HookCallback[]>> = {
    appStart: [],
    appTerminate: [],
    preInvocation: [],
    postInvocation: [],
    log: [],
  }
  readonly #log: HostLog
  readonly #serviceBus: object | undefined
  #grpcHandler: GrpcHandler | undefined
  #programmingModel: unknown
  #isStarted = false

  /** @param serviceBus  what the app may do with Service Bus; absent: nothing */
  constructor(log: HostLog, serviceBus?: object) {
    this.#log = log
    this.#serviceBus = serviceBus
    log.hooks = this.hooks.log
  }

  /** Refuses registrations from now on, as the worker does. */
  finishStart(): void {
    this.#isStarted = true
  }

  /** Takes the calls of gRPC; undefined: the app has none. */
  get grpcHandler(): GrpcHandler | undefined {
    return this.#grpcHandler
  }

  /** The exports of the module. */
  get module(): object {
    return {
      version: '3.14.0',
      hostVersion: '4.1052.200',
      Disposable,
      setProgrammingModel: (model: unknown) => {
        this.#programmingModel = model
      },
      getProgrammingModel: () => this.#programmingModel,
      registerFunction: (metadata: FunctionMetadata, handler: FunctionHandler) => this.#register(metadata, handler),
      registerGrpc: (handler: GrpcHandler) => this.#registerGrpc(handler),
      serviceBus: this.#serviceBus, // an addition of this host, too
      registerHook: (name: string, callback: HookCallback) => this.#hook(name, callback),
      log: (level: LogLevel, category: LogCategory, message: string) => this.#log.write({ level, category, message }),
    }
  }

  #register(metadata: FunctionMetadata, handler: FunctionHandler): Disposable {
    if (this.#isStarted) throw asSystemError(new Error('A function can only be registered during app startup.'))
    const { name } = metadata
    const id = metadata.functionId ?? name
    if (this.functions.has(id)) {
      throw asSystemError(new Error(`A function with the name "${name}" is already registered; names must be unique.`))
    }
    this.functions.set(id, { name, metadata, handler })
    return new Disposable(() => {
      if (this.#isStarted) throw asSystemError(new Error('A function can only be disposed during app startup.'))
      this.functions.delete(id)
    })
  }

  /** An addition of this host: in Azure's worker the module has no such member. */
  #registerGrpc(handler: GrpcHandler): void {
    if (this.#isStarted)
      throw asSystemError(new Error('The handler of gRPC can only be registered during app startup.'))
    if (this.#grpcHandler) throw asSystemError(new Error('A handler of gRPC is already registered.'))
    this.#grpcHandler = handler
  }

  #hook(name: string, callback: HookCallback): Disposable {
    if (!Object.hasOwn(this.hooks, name)) throw asSystemError(new RangeError(`Unrecognized hook "${name}"`))
    const callbacks = this.hooks[name as HookName]
    callbacks.push(callback)
    return new Disposable(() => {
      const index = callbacks.indexOf(callback)
      if (index >= 0) callbacks.splice(index, 1)
    })
  }
}

/**
 * Supplies the module to every later `require`, by wrapping it as the worker does. This has to happen before the app is
 * loaded, because the library requires it once and remembers a failure.
 */
export function supplyFunctionsCore(core: FunctionsCore): void {
  const { module } = core
  Module.prototype.require = new Proxy(Module.prototype.require, {
    apply(require, self, args) {
      return args[0] === '@azure/functions-core' ? module : Reflect.apply(require, self, args)
    },
  })
}

function asSystemError<E extends Error>(error: E): E & { isAzureFunctionsSystemError: true } {
  return Object.assign(error, { isAzureFunctionsSystemError: true as const })
}

class Disposable {
  static from(...disposables: { dispose(): unknown }[]): Disposable {
    return new Disposable(() => {
      for (const each of disposables) each.dispose()
    })
  }

  #dispose: (() => unknown) | undefined

  constructor(dispose: () => unknown) {
    this.#dispose = dispose
  }

  dispose(): void {
    const dispose = this.#dispose
    this.#dispose = undefined
    dispose?.()
  }
}
