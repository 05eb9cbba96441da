import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readDeclaredTriggers } from '../../adapters/local/declared-triggers.ts'
import { type DeclaredTriggers, planTriggers, type ServiceTrigger } from '../../models/definition/plan-triggers.ts'
import { connectionSettings, refuseElsewhere, unservedElsewhere } from '../../models/definition/triggers.ts'
import { error, type Finding, ok, warning } from '../finding.ts'
import type { Project } from '../project.ts'

/** Checks the triggers of all services together; what is wrong within one `service.json` is said with that service. */
export function checkTriggers({ root, modelsDir, environment, container }: Project): Finding[] {
  const declared = readDeclaredTriggers(modelsDir)
  if (container !== undefined) return declared.flatMap(checkElsewhere)
  const { runs, refused, authLevel } = planTriggers(declared)
  const others = declared.filter(({ triggers }) => triggers.http.authLevel !== authLevel).map(({ service }) => service)
  return [
    ...refused.map(({ service, kind, reason }) =>
      error('triggers', `the trigger "${kind}" of service "${service}" does not run: ${reason}`),
    ),
    ...(runs.length > 0 ? checkExtensions(root) : []),
    ...runs.flatMap(trigger => checkConnection(trigger, environment)),
    ...(authLevel === 'anonymous'
      ? []
      : [
          warning(
            'triggers',
            `all routes that score ask for a key of Azure Functions (authLevel "${authLevel}"), because services share them${others.length > 0 ? `; that holds for ${others.join(', ')} as well` : ''}. Only Azure checks it`,
          ),
        ]),
    ...(runs.length > 0 ? [ok('triggers', runs.map(describeTrigger).join('; '))] : []),
  ]
}

/** The app reads its services in a container, when functions are registered already. */
function checkElsewhere({ service, triggers, jobs }: DeclaredTriggers): Finding[] {
  const refusal = refuseElsewhere(triggers)
  return [...(refusal === undefined ? [] : [refusal]), ...unservedElsewhere(triggers, jobs.watch)].map(fault =>
    error('triggers', `${service}/service.json: ${fault}`),
  )
}

function describeTrigger({ service, kind, input, output }: ServiceTrigger): string {
  return `${service}: ${kind} ${input} -> ${output}`
}

/** The runtime of Azure gets what these triggers need from a bundle. */
function checkExtensions(root: string): Finding[] {
  const hostJson = JSON.parse(readFileSync(join(root, 'host.json'), 'utf8'))
  if (hostJson.extensionBundle !== undefined) return []
  return [
    error(
      'triggers',
      'host.json has no "extensionBundle", so Azure runs none of them; add {"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)"}',
    ),
  ]
}

/** The settings of an identity that each extension knows. */
const identitySettings = {
  blob: ['accountName', 'serviceUri', 'blobServiceUri'],
  queue: ['accountName', 'serviceUri', 'queueServiceUri'],
  serviceBus: ['fullyQualifiedNamespace'],
}

function checkConnection({ service, kind, connection }: ServiceTrigger, environment: NodeJS.ProcessEnv): Finding[] {
  const names = connectionSettings(connection)
  const settings = names.flatMap(name => [name, ...identitySettings[kind].map(suffix => `${name}__${suffix}`)])
  if (settings.some(name => environment[name])) return []
  return [
    warning(
      'triggers',
      `the trigger "${kind}" of service "${service}" does not run on this machine: ${names.join(' or ')} is not set in local.settings.json, nor ${connection}__${identitySettings[kind][0]} for an identity`,
    ),
  ]
}
