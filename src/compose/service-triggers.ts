/** The triggers of services besides HTTP: what is known of them while functions are registered, and what their messages need. */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { openServiceBus } from '../adapters/azure/service-bus/open-service-bus.ts'
import { functionsCore } from '../adapters/functions-worker/functions-core.ts'
import { findAppRoot } from '../adapters/local/app-root.ts'
import { readDeclaredTriggers } from '../adapters/local/declared-triggers.ts'
import { planTriggers, type TriggerPlan } from '../models/definition/plan-triggers.ts'
import type { TriggerName } from '../telemetry/service-metrics.ts'
import type { TraceContext } from '../telemetry/trace-context.ts'
import type { Scoring } from '../triggers/score-message.ts'
import type { ServiceBus } from '../triggers/service-bus.ts'
import { startedApp } from './app.ts'
import { isInDevelopment } from './settings.ts'

/** Reads the triggers from the folder of services; those that cannot run are named in the log. */
function readTriggerPlan(environment: NodeJS.ProcessEnv): TriggerPlan {
  const plan = planTriggers(readDeclaredTriggers(findModels(environment)))
  for (const { service, kind, reason } of plan.refused)
    console.error(`[${service}] the trigger "${kind}" does not run: ${reason}`)
  return plan
}

/** The hook that names the folder of the app comes later than registrations; until then it is the one that the host works in. */
function findModels({ SCORING_MODELS: given, AzureWebJobsScriptRoot: scriptRoot }: NodeJS.ProcessEnv): string {
  if (given) return given
  try {
    return join(findAppRoot({ scriptRoot, workingDir: process.cwd() }), 'models')
  } catch {
    return '' // the start of the app says so
  }
}

/** Known before the app starts, because functions are registered first. */
export const triggerPlan = readTriggerPlan(process.env)

/** How the messages of a service are scored, by this trigger. */
export function makeScoring(
  service: string,
  trigger: TriggerName,
  hostTrace: TraceContext | undefined,
): Scoring & { readonly log: (line: string) => void } {
  return {
    trigger,
    hostTrace,
    find: async () => (await startedApp()).catalogue.find(service),
    wait: delay,
    now: () => performance.now(),
    log: line => console.error(`[${service}] ${line}`),
  }
}

let bus: ServiceBus | undefined

/** Service Bus, by way of the embedded host or as Azure's host allows it. */
export function serviceBus(): ServiceBus {
  bus ??= openServiceBus({
    host: functionsCore.serviceBus,
    environment: process.env,
    args: process.argv,
    isDevelopment: isInDevelopment(process.env),
  })
  return bus
}
