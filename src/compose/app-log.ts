/** The log of this process. Its settings are read before the app starts, because hooks are registered before that. */
import { format as formatArguments } from 'node:util'
import type {
  HttpRequest,
  HttpResponseInit,
  InvocationContext,
  PostInvocationContext,
  PreInvocationContext,
} from '@azure/functions'
import { describeRequest } from '../protocols/http/request-log.ts'
import type { WireResponse } from '../protocols/http/wire.ts'
import { LogFormat, type LogLevel, type LogSettings, type RequestEntry } from '../telemetry/log.ts'

/** Writes a line for each request: hooks for those that invoke a function, and what takes other entries. */
export interface RequestLog {
  readonly begin: (context: PreInvocationContext) => void
  /**
   * @param isKeptByHost  whether the host keeps lines that are written to the context of an invocation together with what else it
   *   tells of that, as Application Insights shows it; otherwise they are printed
   */
  readonly end: (context: PostInvocationContext, isKeptByHost: boolean) => void
  readonly write: (entry: RequestEntry) => void
}

/** @returns undefined where no lines about requests are written, so that requests without a log cost nothing */
export function openRequestLog(settings: LogSettings): RequestLog | undefined {
  if (settings.format === 'off') return undefined
  const format = new LogFormat(settings, () => new Date())
  if (settings.format === 'json') printAsJson(format)
  let lines = ''
  const flush = () => {
    if (lines !== '') process.stdout.write(lines)
    lines = ''
  }
  process.on('exit', flush)
  const write = (entry: RequestEntry) => {
    if (lines === '') setImmediate(flush) // requests that end together share a write
    lines += format.formatRequest(entry)
  }
  return {
    write,
    begin({ hookData }) {
      hookData.scoringStartedAt = performance.now()
    },
    end({ inputs, result, error, hookData, invocationContext }, isKeptByHost) {
      if (invocationContext.options.trigger.type !== 'httpTrigger') return
      const response = error ? undefined : withStatus(result)
      const { invocationId } = invocationContext
      const ms = performance.now() - (hookData.scoringStartedAt as number)
      const entry = describeRequest(inputs[0] as HttpRequest, response, { ms, invocationId })
      if (isKeptByHost) writeTo(invocationContext, entry, format)
      else write(entry)
    },
  }
}

const methods = { debug: 'debug', info: 'info', warning: 'warn', error: 'error' } as const

function writeTo(context: InvocationContext, entry: RequestEntry, format: LogFormat): void {
  const line = format.formatRequest(entry)
  if (line !== '') context[methods[entry.level]](line.trimEnd())
}

/** The app's own responses have a status; a function of the project may return one without, or nothing at all. */
function withStatus(result: unknown): HttpResponseInit & WireResponse {
  if (result === undefined || result === null) return { status: 204, headers: {} }
  const response = result as HttpResponseInit & WireResponse
  return response.status === undefined ? { ...response, status: 200 } : response
}

/** Makes what the main thread prints JSON as well. */
function printAsJson(format: LogFormat): void {
  const methods: [method: 'debug' | 'log' | 'info' | 'warn' | 'error', level: LogLevel][] = [
    ['debug', 'debug'],
    ['log', 'info'],
    ['info', 'info'],
    ['warn', 'warning'],
    ['error', 'error'],
  ]
  for (const [method, level] of methods) {
    const stream = level === 'warning' || level === 'error' ? process.stderr : process.stdout
    console[method] = (...args: unknown[]) => {
      const [, service, message] = /^\[([a-z][a-z0-9-]*)\] (.*)$/s.exec(formatArguments(...args)) ?? []
      stream.write(format.format({ level, service, message: message ?? formatArguments(...args) }))
    }
  }
}
