/** Azure Resource Manager, called as the account that is signed in to azd. */
import { execFile } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

export interface ResourceManager {
  /** @returns undefined when there is no such resource */
  get(path: string, apiVersion: string): Promise<Resource | undefined>
  /** All pages of a list. */
  list(path: string, apiVersion: string): Promise<readonly Resource[]>
  /** Creates or replaces a resource, and waits until that is done. */
  put(path: string, apiVersion: string, body: unknown): Promise<Resource>
  post(path: string, apiVersion: string): Promise<Record<string, unknown>>
}

export interface Resource {
  readonly name: string
  readonly properties?: { readonly provisioningState?: string } & Record<string, unknown>
}

/** A failure that the message explains: no stack trace is of use. */
export class HookError extends Error {}

/**
 * @param endpoint  such as `https://management.azure.com/`; http only on this machine, for tests
 * @throws HookError for another address, which would see the token, and when azd is not signed in
 */
export async function openResourceManager(endpoint: string, pollMs = 2000): Promise<ResourceManager> {
  const { origin, protocol, hostname } = URL.parse(endpoint) ?? {}
  if (origin === undefined || (protocol !== 'https:' && hostname !== '127.0.0.1'))
    throw new HookError(`AZURE_RESOURCE_MANAGER is "${endpoint}", and must be an https URL`)
  const token = await fetchToken(`${origin}/.default`)

  const call = async (method: string, url: string, body?: unknown): Promise<Record<string, unknown> | undefined> => {
    // The address of the next page comes from an answer: the token goes nowhere else.
    if (new URL(url).origin !== origin) throw new HookError(`${new URL(url).origin} is not ${origin}`)
    const response = await fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      signal: AbortSignal.timeout(60_000),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const answer = (await response.json().catch(() => ({}))) as Record<string, unknown>
    if (response.ok) return answer
    if (response.status === 404 && method === 'GET') return undefined
    throw new HookError(
      `${method} ${new URL(url).pathname} failed: ${describe(answer.error, `status ${response.status}`)}`,
    )
  }
  const address = (path: string, apiVersion: string) => `${origin}${path}?api-version=${apiVersion}`

  const get = async (path: string, apiVersion: string) =>
    (await call('GET', address(path, apiVersion))) as Resource | undefined
  return {
    get,
    async list(path, apiVersion) {
      const all: Resource[] = []
      for (let next: string | undefined = address(path, apiVersion); next !== undefined; ) {
        const page = await call('GET', next)
        all.push(...((page?.value as Resource[] | undefined) ?? []))
        next = (page?.nextLink as string | null | undefined) ?? undefined
      }
      return all
    },
    async put(path, apiVersion, body) {
      let resource = (await call('PUT', address(path, apiVersion), body)) as unknown as Resource
      const until = Date.now() + 10 * 60_000
      while (!isDone(resource)) {
        if (Date.now() > until) throw new HookError(`${path} is not done after 10 minutes`)
        await delay(pollMs)
        resource = (await get(path, apiVersion)) ?? resource
      }
      return resource
    },
    async post(path, apiVersion) {
      return (await call('POST', address(path, apiVersion))) ?? {}
    },
  }
}

/** @throws HookError when the resource has failed */
function isDone({ name, properties }: Resource): boolean {
  const state = properties?.provisioningState ?? 'Succeeded'
  if (state === 'Failed' || state === 'Canceled') {
    throw new HookError(`${name} failed: ${describe(properties?.error, state)}`)
  }
  return state === 'Succeeded'
}

/** The innermost reasons: the outer ones say that something has failed. */
function describe(error: unknown, otherwise: string): string {
  const { code, message, details } = (error ?? {}) as { code?: string; message?: string; details?: unknown[] }
  if (Array.isArray(details) && details.length > 0) return details.map(each => describe(each, otherwise)).join('; ')
  // Of a subscription that is refused, the message may quote the address, with the key of the host.
  return message === undefined ? otherwise : `${code}: ${message.replace(/code=[^&\s"']+/g, 'code=…')}`
}

async function fetchToken(scope: string): Promise<string> {
  try {
    const azd = promisify(execFile)('azd', ['auth', 'token', '--scope', scope, '--output', 'json'])
    return (JSON.parse((await azd).stdout) as { token: string }).token
  } catch (cause) {
    // The text of the error could quote the output.
    throw new HookError('azd has no token for Azure: run "azd auth login" first', { cause })
  }
}

/** @throws HookError naming the variable, which `azd provision` writes */
export function requireVariable(environment: NodeJS.ProcessEnv, name: string): string {
  const value = environment[name]
  if (!value) throw new HookError(`${name} is not set: run "azd provision" first, or this with "azd hooks run"`)
  return value
}

/** The path of the resource group that `azd provision` has made. */
export function resourceGroupPath(environment: NodeJS.ProcessEnv): string {
  const subscription = requireVariable(environment, 'AZURE_SUBSCRIPTION_ID')
  return `/subscriptions/${subscription}/resourceGroups/${requireVariable(environment, 'AZURE_RESOURCE_GROUP')}`
}

/** Runs a hook: what a user can fix is one line. */
export async function runHook(hook: () => Promise<void>): Promise<void> {
  try {
    await hook()
  } catch (failure) {
    if (!(failure instanceof Error) || !['HookError', 'StartupError'].includes(failure.constructor.name)) throw failure
    console.error(failure.message)
    process.exitCode = 1
  }
}
