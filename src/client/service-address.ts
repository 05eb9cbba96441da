import type { Fetch } from './caller.ts'
import type { Workspace } from './workspace.ts'
import { WebserviceError } from './workspace-error.ts'

/** Where a service is, for callers without a workspace. */
export interface WebserviceAddress {
  /** Of the service, e.g. `https://my-app.azurewebsites.net/api/v1/service/iris`; its scoring URI, with `/score`, does as well. */
  readonly url: string | URL
  /** A key or token, or a function that returns it, which is asked again when the service has rejected the last one. */
  readonly key?: string | ((signal: AbortSignal) => string | Promise<string>) | undefined
  /** Sends the requests in place of the global `fetch`. */
  readonly fetch?: Fetch | undefined
}

/** @returns the address of a service without `/score`. @throws TypeError when it is none */
export function parseAddress(url: string | URL): string {
  const parsed = URL.parse(String(url))
  if (!parsed || !/^https?:$/.test(parsed.protocol))
    throw new TypeError(
      'url must be the address of a service, such as https://my-app.azurewebsites.net/api/v1/service/iris',
    )
  // A key in a query string would end up in logs of others.
  return parsed.origin + parsed.pathname.replace(/(\/score)?\/*$/, '')
}

/** Asks a function for the key anew each time. */
export async function readKey(key: WebserviceAddress['key'], signal: AbortSignal): Promise<string | undefined> {
  return typeof key === 'function' ? key(signal) : key
}

/** The address of a service, which does not change, or which its workspace finds anew for each request. */
export class ServiceAddress {
  readonly #workspace: Workspace | undefined
  readonly #service: string | undefined
  #known: string | undefined
  /** Address of the app, where it is told beforehand. */
  appUrl: string | undefined

  constructor(address: string)
  constructor(workspace: Workspace, service: string)
  constructor(from: string | Workspace, service?: string) {
    if (typeof from === 'string') this.#known = from
    else this.#workspace = from
    this.#service = service
  }

  /** @throws WorkspaceError when no app is known to run there */
  async find(signal?: AbortSignal): Promise<string> {
    if (!this.#workspace) return this.known
    const { store } = this.#workspace
    this.#known = `${this.appUrl ?? (await store.findUrl(signal))}/api/v1/service/${this.#service}`
    if (this.appUrl === undefined) store.requireApp()
    return this.#known
  }

  /** The address that was found last. @throws WebserviceError before it was found */
  get known(): string {
    if (this.#known !== undefined) return this.#known
    throw new WebserviceError('the address of the app has not been read; await service.updateDeploymentState() first')
  }
}
