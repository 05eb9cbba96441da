/**
 * Subscribes blob triggers whose source is Event Grid to their containers, once they are deployed. azd runs this after `azd deploy`;
 * a second run changes nothing.
 *
 * `key-rotated` is left alone: on Flex Consumption it would run on an instance of its own, which is paid for, loads all services, and
 * tells the instances that take requests nothing.
 */
import { setTimeout as delay } from 'node:timers/promises'
import {
  HookError,
  openResourceManager,
  type Resource,
  type ResourceManager,
  requireVariable,
  resourceGroupPath,
  runHook,
} from './resource-manager.ts'

const siteApi = '2025-03-01'
const eventGridApi = '2025-02-15'
/** The host tells Azure of its functions some time after a deployment. */
const maxWaitMs = 5 * 60_000
/** One that every app has: the list is of this deployment once it is there. */
const anyFunction = 'score'

interface Binding {
  readonly type: string
  readonly source?: string
  readonly path?: string
  readonly connection?: string
}

await runHook(async () => {
  const { env } = process
  const group = resourceGroupPath(env)
  const site = `${group}/providers/Microsoft.Web/sites/${requireVariable(env, 'AZURE_FUNCTION_APP_NAME')}`
  const topics = `${group}/providers/Microsoft.EventGrid/systemTopics`
  const manager = await openResourceManager(requireVariable(env, 'AZURE_RESOURCE_MANAGER'))

  const functions = await waitForFunctions(manager, site)
  const blobTriggers = functions.flatMap(each => {
    const binding = bindingsOf(each).find(
      ({ type, source }) => /^blobTrigger$/i.test(type) && /^eventGrid$/i.test(source ?? ''),
    )
    return binding ? [{ name: nameOf(each), path: binding.path ?? '', connection: binding.connection ?? '' }] : []
  })
  // The topic has the events of this account alone.
  const ofOthers = blobTriggers.filter(({ connection }) => !/^(AzureWebJobs)?(Storage)?$/.test(connection))
  for (const { name, connection } of ofOthers)
    console.log(`${name} reads the account of ${connection}: subscribe it there as guide/triggers.md shows.`)
  const subscribed = blobTriggers.filter(each => !ofOthers.includes(each))
  if (subscribed.length === 0) return
  // The path of the host that takes these events asks for its own key.
  const { systemKeys } = await manager.post(`${site}/host/default/listkeys`, siteApi)
  const key = (systemKeys as Record<string, string> | undefined)?.blobs_extension
  if (!key)
    throw new HookError('the app has no key "blobs_extension" yet, which its host makes with the first blob trigger')
  const host = (await manager.get(site, siteApi))?.properties?.defaultHostName
  const blobTopic = `${topics}/${requireVariable(env, 'AZURE_BLOB_EVENTS_TOPIC')}`
  for (const { name, path } of subscribed) {
    const query = new URLSearchParams({ functionName: `Host.Functions.${name}`, code: key })
    const [container] = path.split('/')
    await manager.put(`${blobTopic}/eventSubscriptions/${name}`, eventGridApi, {
      properties: {
        destination: {
          endpointType: 'WebHook',
          properties: { endpointUrl: `https://${host}/runtime/webhooks/blobs?${query}` },
        },
        eventDeliverySchema: 'EventGridSchema',
        filter: {
          includedEventTypes: ['Microsoft.Storage.BlobCreated'],
          subjectBeginsWith: `/blobServices/default/containers/${container}/`,
        },
      },
    })
    console.log(`${name} hears of blobs in ${container}.`)
  }
})

async function waitForFunctions(manager: ResourceManager, site: string): Promise<readonly Resource[]> {
  for (const until = Date.now() + maxWaitMs; ; await delay(5000)) {
    const functions = await manager.list(`${site}/functions`, siteApi)
    if (functions.some(each => nameOf(each) === anyFunction)) return functions
    if (Date.now() > until)
      throw new HookError(
        `the app has no function "${anyFunction}" after ${maxWaitMs / 60_000} minutes: does it start? (Log stream in the portal.) Then: azd hooks run postdeploy`,
      )
  }
}

/** The name of a list's entry is `<app>/<function>`. */
function nameOf({ name }: Resource): string {
  return name.split('/').at(-1) ?? name
}

function bindingsOf({ properties }: Resource): readonly Binding[] {
  const config = properties?.config as { bindings?: Binding[] } | undefined
  return config?.bindings ?? []
}
