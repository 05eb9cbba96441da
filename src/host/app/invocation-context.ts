import { randomUUID } from 'node:crypto'
import type {
  EffectiveFunctionOptions,
  FunctionInput,
  FunctionOutput,
  InvocationContext,
  InvocationContextExtraInputs,
  InvocationContextExtraOutputs,
  RetryContext,
  TraceContext,
  TriggerMetadata,
} from '@azure/functions'
import type { HostLog, LogLevel } from '../host-log.ts'
import type { Binding, RegisteredFunction } from './functions-core.ts'

/**
 * The context that a handler gets. It has the shape of the library's InvocationContext, which costs more to make than
 * everything else that the host does for a request, and which a bundled app does not export.
 */
export class EmbeddedInvocationContext implements InvocationContext {
  readonly functionName: string
  readonly options: EffectiveFunctionOptions
  retryContext: RetryContext | undefined
  traceContext: TraceContext | undefined
  triggerMetadata: TriggerMetadata | undefined
  readonly #log: HostLog
  #invocationId: string | undefined
  #extraInputs: NamedValues | undefined
  #extraOutputs: NamedValues | undefined

  constructor(functionName: string, options: EffectiveFunctionOptions, log: HostLog) {
    this.functionName = functionName
    this.options = options
    this.#log = log
  }

  get invocationId(): string {
    this.#invocationId ??= randomUUID()
    return this.#invocationId
  }

  get extraInputs(): InvocationContextExtraInputs {
    this.#extraInputs ??= new NamedValues()
    return this.#extraInputs as InvocationContextExtraInputs
  }

  get extraOutputs(): InvocationContextExtraOutputs {
    this.#extraOutputs ??= new NamedValues()
    return this.#extraOutputs
  }

  log(...args: unknown[]): void {
    this.#write('information', args)
  }

  trace(...args: unknown[]): void {
    this.#write('trace', args)
  }

  debug(...args: unknown[]): void {
    this.#write('debug', args)
  }

  info(...args: unknown[]): void {
    this.#write('information', args)
  }

  warn(...args: unknown[]): void {
    this.#write('warning', args)
  }

  error(...args: unknown[]): void {
    this.#write('error', args)
  }

  #write(level: LogLevel, args: unknown[]): void {
    this.#log.user(level, args, this)
  }
}

/** The bindings of a function as its context shows them. */
export function effectiveOptions({ metadata }: RegisteredFunction): EffectiveFunctionOptions {
  const bindings = Object.entries(metadata.bindings).map(([name, binding]) => ({ ...binding, name }))
  const others = bindings.filter(binding => !isTrigger(binding) && binding.name !== '$return')
  return {
    trigger: bindings.find(isTrigger) as EffectiveFunctionOptions['trigger'],
    return: bindings.find(({ name }) => name === '$return'),
    extraInputs: others.filter(({ direction }) => direction === 'in'),
    extraOutputs: others.filter(({ direction }) => direction === 'out'),
  }
}

export function isTrigger({ type }: Binding): boolean {
  return /trigger$/i.test(type)
}

class NamedValues {
  readonly #values = new Map<string, unknown>()

  get(which: FunctionInput | FunctionOutput | string): unknown {
    return this.#values.get(typeof which === 'string' ? which : which.name)
  }

  set(which: FunctionInput | FunctionOutput | string, value: unknown): void {
    this.#values.set(typeof which === 'string' ? which : which.name, value)
  }
}
