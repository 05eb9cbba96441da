import { StartupError } from '../../errors.ts'
import { connectionSettings, resolveSettings } from '../app/binding-settings.ts'
import type { Trigger } from '../app/triggers.ts'

/** A trigger of a Service Bus queue. */
export interface BusTrigger {
  readonly kind: 'runs'
  readonly trigger: Trigger
  readonly queueName: string
  readonly connectionString: string
}

/**
 * @returns the reason when this host cannot run it
 * @throws StartupError when the binding is wrong
 */
export function planBusTrigger(
  trigger: Trigger,
  environment: NodeJS.ProcessEnv,
): BusTrigger | { readonly kind: 'skipped'; readonly reason: string } {
  const { fn, binding } = trigger
  if (binding.topicName !== undefined) return skipped('this host runs triggers of queues, not of topics')
  if (binding.isSessionsEnabled === true) return skipped('this host receives no sessions')
  if (binding.cardinality === 'many') return skipped('this host gives a function one message at a time, not "many"')
  if (typeof binding.queueName !== 'string' || binding.queueName === '')
    throw new StartupError(
      `function "${fn.name}": queueName is ${JSON.stringify(binding.queueName)}, and must be the name of a queue`,
    )
  const queueName = resolveSettings(binding.queueName, `queueName of function "${fn.name}"`, environment)
  const found = findBusConnection(binding.connection, environment)
  return found.kind === 'missing'
    ? skipped(found.reason)
    : { kind: 'runs', trigger, queueName, connectionString: found.connectionString }
}

/** Finds the namespace that a `connection` names: the setting `AzureWebJobs<name>`, or else `<name>`. */
export function findBusConnection(
  name: unknown,
  environment: NodeJS.ProcessEnv,
):
  | { readonly kind: 'found'; readonly connectionString: string }
  | { readonly kind: 'missing'; readonly reason: string } {
  const settings = connectionSettings(name, 'AzureWebJobsServiceBus')
  for (const setting of settings) {
    const value = environment[setting]
    if (value && /(^|;)\s*endpoint\s*=/i.test(value)) return { kind: 'found', connectionString: value }
    if (value) return { kind: 'missing', reason: `${setting} is no connection string of Service Bus` }
    const byIdentity = `${setting}__fullyQualifiedNamespace`
    if (environment[byIdentity])
      return {
        kind: 'missing',
        reason: `${byIdentity} asks for a connection by identity, which only Azure's own host makes: set ${setting} here`,
      }
  }
  return { kind: 'missing', reason: `${settings.join(' or ')} is not set` }
}

function skipped(reason: string): { readonly kind: 'skipped'; readonly reason: string } {
  return { kind: 'skipped', reason }
}
