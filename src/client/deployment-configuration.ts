/** Deployment configurations, with the parameters of Azure ML: what each means here, and a clear error where it means nothing. */

/** The parameters that mean something for a service. */
export interface DeploymentParameters {
  /** Whether callers need a key (true; Azure ML's container instances have false). */
  readonly authEnabled?: boolean | undefined
  /** Whether callers need an access token of Microsoft Entra ID; with `tokenAuth`. */
  readonly tokenAuthEnabled?: boolean | undefined
  /** Whose tokens are taken, as `auth` in `service.json`. */
  readonly tokenAuth?:
    | { readonly tenantId: string; readonly audience: string | readonly string[]; readonly role?: string }
    | undefined
  /** Keys to begin with; default: random ones. */
  readonly primaryKey?: string | undefined
  /** The second key; needs `primaryKey`. */
  readonly secondaryKey?: string | undefined
  /** One sentence for people. */
  readonly description?: string | undefined
  /** Labels, which may change. */
  readonly tags?: Readonly<Record<string, string>> | undefined
  /** Labels, which do not change once they are set. */
  readonly properties?: Readonly<Record<string, string>> | undefined
  /** Milliseconds from the arrival of a request to its answer (60,000). */
  readonly scoringTimeoutMs?: number | undefined
  /** Milliseconds that a request may be expected to wait for a free worker. */
  readonly maxRequestWaitTime?: number | undefined
  /** 1 or more: the model runs on CUDA. */
  readonly gpuCores?: number | undefined
  /** Processors; here a size of the app. */
  readonly cpuCores?: number | undefined
  /** Memory; here a size of the app. */
  readonly memoryGb?: number | undefined
  /** Instances; here a setting of the app. */
  readonly numReplicas?: number | undefined
  /** Whether instances are added by load; here a setting of the app. */
  readonly autoscaleEnabled?: boolean | undefined
  /** Fewest instances; here a setting of the app. */
  readonly autoscaleMinReplicas?: number | undefined
  /** Most instances; here a setting of the app. */
  readonly autoscaleMaxReplicas?: number | undefined
  /** Seconds between two looks at the load; here decided by Azure. */
  readonly autoscaleRefreshSeconds?: number | undefined
  /** Percent at which instances are added; here decided by Azure. */
  readonly autoscaleTargetUtilization?: number | undefined
  /** Requests at a time in an instance; here workers follow the processors. */
  readonly replicaMaxConcurrentRequests?: number | undefined
  /** Whether telemetry is sent; here a setting of the app. */
  readonly enableAppInsights?: boolean | undefined
  /** Whether HTTPS is served, which Azure always does. */
  readonly sslEnabled?: boolean | undefined
  /** Whether inputs and answers are kept; true is refused. */
  readonly collectModelData?: boolean | undefined
  /** Of a local deployment: the port that the app listens on. */
  readonly port?: number | undefined
}

/** Where an app runs. */
export type DeploymentTarget = 'local' | 'flex' | 'containerApps'

/** A deployment that was checked. */
export interface DeploymentConfiguration {
  /** Where the app runs. */
  readonly target: DeploymentTarget
  /** What the service is given. */
  readonly parameters: DeploymentParameters
  /** What the app's owner should know: parameters that the app decides, not the service. */
  readonly notes: readonly string[]
}

/** Parameters that change the service itself. */
const ofService = [
  ...[
    'authEnabled',
    'tokenAuthEnabled',
    'tokenAuth',
    'primaryKey',
    'secondaryKey',
    'description',
    'tags',
    'properties',
  ],
  ...['scoringTimeoutMs', 'maxRequestWaitTime', 'gpuCores'],
]
/** Parameters that the app decides: they are taken, and a note says where to set them. */
const ofApp: Readonly<Record<string, string>> = {
  cpuCores: 'the size of an instance',
  memoryGb: 'the size of an instance',
  numReplicas: 'the number of instances',
  autoscaleEnabled: 'the number of instances',
  autoscaleMinReplicas: 'the number of instances',
  autoscaleMaxReplicas: 'the number of instances',
  autoscaleRefreshSeconds: 'the number of instances',
  autoscaleTargetUtilization: 'the number of instances',
  replicaMaxConcurrentRequests: 'the number of workers, which follows the processors',
  enableAppInsights: 'APPLICATIONINSIGHTS_CONNECTION_STRING',
  sslEnabled: 'HTTPS, which Azure always has',
}
const elsewhere = 'belongs to the app, and is set where the app is created (guide/deploy.md); leave it out'
/** Parameters that cannot be honoured by writing a service. */
const refused: Readonly<Record<string, string>> = {
  sslCertPemFile: elsewhere,
  sslKeyPemFile: elsewhere,
  sslCname: elsewhere,
  dnsNameLabel: elsewhere,
  location: elsewhere,
  vnetName: elsewhere,
  subnetName: elsewhere,
  cmkVaultBaseUrl: elsewhere,
  cmkKeyName: elsewhere,
  cmkKeyVersion: elsewhere,
  namespace: elsewhere,
  computeTargetName: elsewhere,
  blobfuseEnabled: elsewhere,
  cpuCoresLimit: elsewhere,
  memoryGbLimit: elsewhere,
  periodSeconds: 'the app has its own probes, /health/live and /health/ready; leave it out',
  initialDelaySeconds: 'the app has its own probes, /health/live and /health/ready; leave it out',
  timeoutSeconds: 'the app has its own probes, /health/live and /health/ready; leave it out',
  successThreshold: 'the app has its own probes, /health/live and /health/ready; leave it out',
  failureThreshold: 'the app has its own probes, /health/live and /health/ready; leave it out',
  complianceEnabled: elsewhere,
}
const names: Readonly<Record<DeploymentTarget, string>> = {
  local: 'LocalWebservice',
  flex: 'FlexWebservice',
  containerApps: 'ContainerAppsWebservice',
}

/**
 * Checks the parameters of a deployment.
 *
 * @throws TypeError naming the parameter that means nothing here, and what to do instead
 */
export function deployConfiguration(
  target: DeploymentTarget,
  parameters: DeploymentParameters = {},
): DeploymentConfiguration {
  const notes = new Map<string, string[]>()
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined || value === null) continue
    if (name === 'collectModelData') {
      if (value)
        refuse(
          target,
          name,
          'inputs and answers are not collected; a script may log them, or a job may score them again',
        )
      continue
    }
    if (Object.hasOwn(refused, name)) refuse(target, name, refused[name] as string)
    if (name === 'port' ? target !== 'local' : !ofService.includes(name) && !Object.hasOwn(ofApp, name)) {
      const all = [...ofService, ...Object.keys(ofApp), ...(target === 'local' ? ['port'] : [])]
      refuse(target, name, `is no parameter here; there are: ${all.join(', ')}`)
    }
    const decided = ofApp[name]
    if (decided !== undefined && value !== false) notes.set(decided, [...(notes.get(decided) ?? []), name])
  }
  checkAuth(target, parameters)
  const describe = ([what, given]: [string, string[]]) =>
    `${given.join(', ')}: the app decides ${what} (guide/deploy.md), not the service`
  return { target, parameters, notes: [...notes].map(describe) }
}

function checkAuth(
  target: DeploymentTarget,
  { authEnabled, tokenAuthEnabled, tokenAuth, primaryKey, secondaryKey }: DeploymentParameters,
): void {
  if (authEnabled && tokenAuthEnabled) refuse(target, 'tokenAuthEnabled', 'a service takes keys or tokens, not both')
  if (tokenAuthEnabled && !tokenAuth)
    refuse(
      target,
      'tokenAuthEnabled',
      'needs tokenAuth, e.g. { tenantId: "<GUID of the tenant>", audience: "api://scoring" }',
    )
  if (secondaryKey !== undefined && primaryKey === undefined) refuse(target, 'secondaryKey', 'needs primaryKey too')
  const hasKeys = authEnabled !== false && !tokenAuthEnabled
  if (primaryKey !== undefined && !hasKeys) refuse(target, 'primaryKey', 'a service without keys has none')
}

function refuse(target: DeploymentTarget, name: string, why: string): never {
  throw new TypeError(`${names[target]}.deployConfiguration: ${name}: ${why}`)
}

/** Services of an app on this machine, which `scoring start` runs. */
export const LocalWebservice = {
  /** @throws TypeError naming the parameter that means nothing here, and what to do instead */
  deployConfiguration: (parameters: DeploymentParameters = {}) => deployConfiguration('local', parameters),
}
/** Services of an app in Azure Functions, plan Flex Consumption. */
export const FlexWebservice = {
  /** @throws TypeError naming the parameter that means nothing here, and what to do instead */
  deployConfiguration: (parameters: DeploymentParameters = {}) => deployConfiguration('flex', parameters),
}
/** Services of an app in Azure Container Apps. */
export const ContainerAppsWebservice = {
  /** @throws TypeError naming the parameter that means nothing here, and what to do instead */
  deployConfiguration: (parameters: DeploymentParameters = {}) => deployConfiguration('containerApps', parameters),
}
