/**
 * What Azure's own Node worker does with an app, as far as the app can tell: it supplies `@azure/functions-core` by
 * wrapping `require`, loads the package's `main`, runs the start hooks, and drives `@azure/functions`' own
 * InvocationModel with HTTP streaming (the host forwards the raw request to the library's server, and the invocation
 * carries headers and route values). One app a process.
 */
import { randomUUID } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import Module, { createRequire } from 'node:module'
import { join } from 'node:path'

interface Registered {
  readonly metadata: {
    name: string
    bindings: Record<string, { type: string; direction: string; route?: string; queueName?: string }>
  }
  readonly handler: (...inputs: unknown[]) => unknown
}

interface InvocationModel {
  getArguments(): Promise<{ context: unknown; inputs: unknown[] }>
  invokeFunction(context: unknown, inputs: unknown[], handler: unknown): Promise<unknown>
  getResponse(context: unknown, result: unknown): Promise<unknown>
}

interface ProgrammingModel {
  getCapabilities(capabilities: object): Promise<{ HttpUri: string }>
  getInvocationModel(context: object): InvocationModel
}

export interface WorkerAnswer {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: string
}

export class AzureWorker {
  readonly functions = new Map<string, Registered>()
  readonly #hooks = new Map<string, ((context: object) => unknown)[]>()
  #model: ProgrammingModel | undefined
  #httpUri = ''
  #root = ''

  /** @param root folder with `package.json` and what its `main` names */
  async load(root: string): Promise<void> {
    this.#root = root
    const core = {
      version: '3.14.1',
      hostVersion: '4.1052.200',
      log: () => {},
      setProgrammingModel: (model: ProgrammingModel) => {
        this.#model = model
      },
      getProgrammingModel: () => this.#model,
      registerFunction: (metadata: Registered['metadata'], handler: Registered['handler']) =>
        void this.functions.set(metadata.name, { metadata, handler }),
      registerHook: (name: string, hook: () => unknown) =>
        void this.#hooks.set(name, [...(this.#hooks.get(name) ?? []), hook]),
    }
    const { require: original } = Module.prototype
    Module.prototype.require = function (this: unknown, id: string) {
      return id === '@azure/functions-core' ? core : Reflect.apply(original, this, [id])
    } as NodeJS.Require
    const require = createRequire(join(root, 'package.json'))
    require(join(root, require('./package.json').main))
    if (!this.#model) throw new Error('the app did not set a programming model')
    try {
      await this.runHooks('appStart')
    } finally {
      this.#httpUri = (await this.#model.getCapabilities({})).HttpUri
    }
  }

  async runHooks(name: string): Promise<void> {
    for (const hook of this.#hooks.get(name) ?? [])
      await hook({ hookData: {}, appHookData: {}, functionAppDirectory: this.#root })
  }

  /** One invocation, its HTTP request streamed as the host does. */
  async invoke(
    name: string,
    {
      method,
      path,
      headers = {},
      params = {},
      body,
      onPiece,
    }: {
      method: string
      path: string
      headers?: Record<string, string>
      params?: Record<string, string>
      body?: string
      /** Sees each piece of the answer as it comes. */
      onPiece?: (piece: string) => void
    },
  ): Promise<WorkerAnswer> {
    const { metadata, handler } = this.functions.get(name) as Registered
    const [trigger] = Object.entries(metadata.bindings).find(([, binding]) => binding.type === 'httpTrigger') as [
      string,
      unknown,
    ]
    const invocationId = randomUUID()
    const answer = this.#forward(invocationId, method, path, headers, body, onPiece)
    const triggerMetadata: Record<string, object> = {
      Headers: { json: JSON.stringify(headers) },
      Query: { json: '{}' },
    }
    for (const [key, value] of Object.entries(params)) triggerMetadata[key] = { string: value }
    const invocation = (this.#model as ProgrammingModel).getInvocationModel({
      invocationId,
      metadata,
      request: { invocationId, inputData: [{ name: trigger, data: { http: {} } }], triggerMetadata },
      log: () => {},
      state: undefined,
    })
    const { context, inputs } = await invocation.getArguments()
    await invocation.getResponse(context, await invocation.invokeFunction(context, inputs, handler))
    return answer
  }

  /**
   * An event or a message, as the host hands it over.
   *
   * @param metadata  of a message; numbers are whole
   */
  async deliver(name: string, event: object, triggerMetadata: Record<string, string | number> = {}): Promise<void> {
    const { metadata, handler } = this.functions.get(name) as Registered
    const invocationId = randomUUID()
    const [trigger] = Object.keys(metadata.bindings)
    const invocation = (this.#model as ProgrammingModel).getInvocationModel({
      invocationId,
      metadata,
      request: {
        invocationId,
        inputData: [{ name: trigger, data: { json: JSON.stringify(event) } }],
        triggerMetadata: Object.fromEntries(
          Object.entries(triggerMetadata).map(([key, value]) => [
            key,
            typeof value === 'string' ? { string: value } : { int: value },
          ]),
        ),
      },
      log: () => {},
      state: undefined,
    })
    const { context, inputs } = await invocation.getArguments()
    await invocation.invokeFunction(context, inputs, handler)
  }

  #forward(
    invocationId: string,
    method: string,
    path: string,
    headers: Record<string, string>,
    body?: string,
    onPiece?: (piece: string) => void,
  ): Promise<WorkerAnswer> {
    return new Promise((resolve, reject) => {
      const proxied = {
        ...headers,
        'x-ms-invocation-id': invocationId,
        'x-forwarded-host': 'app.example',
        'x-forwarded-proto': 'https',
      }
      const request = httpRequest(this.#httpUri, { method, path, headers: proxied }, async response => {
        let text = ''
        for await (const chunk of response.setEncoding('utf8')) {
          text += chunk
          onPiece?.(chunk)
        }
        resolve({ status: response.statusCode as number, headers: response.headers, body: text })
      })
      request.on('error', reject).end(body)
    })
  }
}
