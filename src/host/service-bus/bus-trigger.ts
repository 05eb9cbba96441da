import { StartupError } from '../../errors.ts'
import { connectionSettings, readIdentity, resolveSettings } from '../app/binding-settings.ts'
import type { Trigger } from '../app/triggers.ts'
import type { BusConnection } from './bus.ts'

/** A trigger of a Service Bus queue. */
export interface BusTrigger {
  readonly kind: 'runs'
  readonly trigger: Trigger
  readonly queueName: string
  readonly connection: BusConnection
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
    : { kind: 'runs', trigger, queueName, connection: found.connection }
}

/**
 * Finds the namespace that a `connection` names: the setting `AzureWebJobs<name>`, or else `<name>`, each a connection string or
 * settings that begin with it, such as `<name>__fullyQualifiedNamespace`.
 *
 * @throws StartupError when that is no host
 */
export function findBusConnection(
  name: unknown,
  environment: NodeJS.ProcessEnv,
):
  | { readonly kind: 'found'; readonly connection: BusConnection }
  | { readonly kind: 'missing'; readonly reason: string } {
  const settings = connectionSettings(name, 'AzureWebJobsServiceBus')
  for (const setting of settings) {
    const value = environment[setting]
    if (value && /(^|;)\s*endpoint\s*=/i.test(value)) return { kind: 'found', connection: value }
    if (value) return { kind: 'missing', reason: `${setting} is no connection string of Service Bus` }
    const host = environment[`${setting}__fullyQualifiedNamespace`]
    if (!host) continue
    if (!/^[a-z0-9.-]+(:\d{1,5})?$/i.test(host))
      throw new StartupError(
        `setting ${setting}__fullyQualifiedNamespace is ${JSON.stringify(host)}, and must be a host, such as orders.servicebus.windows.net`,
      )
    return { kind: 'found', connection: { host, identity: readIdentity(setting, environment) } }
  }
  return { kind: 'missing', reason: `${settings.join(' or ')} is not set` }
}

function skipped(reason: string): { readonly kind: 'skipped'; readonly reason: string } {
  return { kind: 'skipped', reason }
}
