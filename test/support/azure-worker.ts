/**
 * What Azure's own Node worker does with an app, as far as the app can tell: it supplies `@azure/functions-core` by
 * wrapping `require`, loads the package's `main`, runs the start hooks, and drives `@azure/functions`' own
 * InvocationModel with HTTP streaming (the host forwards the raw request to the library's server, and the invocation
 * carries headers and route values). One app a process.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import Module, { createRequire } from 'node:module'
import { join } from 'node:path'

interface Registered {
  readonly metadata: {
    name: string
    bindings: Record<
      string,
      { type: string; direction: string; route?: string; methods?: string[]; queueName?: string; dataType?: string }
    >
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
  readonly #onLine: (line: string) => void
  #httpUri = ''
  #root = ''

  /** @param onLine  gets the lines of invocations, which the host keeps with their ids */
  constructor(onLine: (line: string) => void = () => {}) {
    this.#onLine = onLine
  }

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
    const invocationId = randomUUID()
    const answer = this.#forward(invocationId, method, path, headers, body, onPiece)
    await this.#run(name, invocationId, { headers, params, query: {} })
    return answer
  }

  /** One invocation for a request of a client: its connection is forwarded, and closed when the client closes its own. */
  async proxy(
    name: string,
    params: Record<string, string>,
    incoming: IncomingMessage,
    outgoing: ServerResponse,
  ): Promise<void> {
    const invocationId = randomUUID()
    const { connection: _, ...headers } = incoming.headers
    const proxied = httpRequest(this.#httpUri, {
      method: incoming.method as string,
      path: incoming.url as string,
      agent: false, // the host tries again where the worker has just closed an idle connection (RetryProxyHandler)
      headers: {
        ...headers,
        'x-ms-invocation-id': invocationId,
        'x-forwarded-host': headers.host,
        'x-forwarded-proto': 'http',
        'x-forwarded-for': `${incoming.socket.remoteAddress}:${incoming.socket.remotePort}`,
      },
    })
    incoming.pipe(proxied)
    outgoing.on('close', () => proxied.destroy())
    const forwarded = new Promise<void>(done => {
      proxied.on('response', response => {
        outgoing.writeHead(response.statusCode as number, response.headers)
        response.pipe(outgoing)
        response.on('close', done)
      })
      proxied.on('error', () => {
        if (!outgoing.headersSent) outgoing.writeHead(502)
        outgoing.end()
        done()
      })
    })
    const query = Object.fromEntries(new URL(incoming.url as string, 'http://host').searchParams)
    // The host waits for the forwarded answer before it looks at the result. (GrpcWorkerChannel)
    const flat = Object.fromEntries(Object.entries(headers).map(([key, value]) => [key, String(value)]))
    await Promise.all([forwarded, this.#run(name, invocationId, { headers: flat, params, query })])
  }

  async #run(
    name: string,
    invocationId: string,
    { headers, params, query }: Record<'headers' | 'params' | 'query', Record<string, string>>,
  ): Promise<void> {
    const { metadata, handler } = this.functions.get(name) as Registered
    const [trigger] = Object.entries(metadata.bindings).find(([, binding]) => binding.type === 'httpTrigger') as [
      string,
      unknown,
    ]
    const triggerMetadata: Record<string, object> = {
      Headers: { json: JSON.stringify(headers) },
      Query: { json: JSON.stringify(query) },
    }
    for (const [key, value] of Object.entries(params)) triggerMetadata[key] = { string: value }
    const coreContext = {
      invocationId,
      metadata,
      request: {
        invocationId,
        inputData: [{ name: trigger, data: { http: {} } }],
        triggerMetadata,
        traceContext: continueTrace(headers.traceparent, headers.tracestate),
      },
      log: (level: string, _: string, message: string) =>
        this.#onLine(`Functions.${metadata.name} ${invocationId} ${level}: ${message}`),
      state: undefined as string | undefined,
    }
    const invocation = (this.#model as ProgrammingModel).getInvocationModel(coreContext)
    const { context, inputs } = await invocation.getArguments()
    const hookData = {}
    const before = { invocationContext: context, inputs, hookData, appHookData: {} }
    for (const hook of this.#hooks.get('preInvocation') ?? []) await hook(before)
    const result = await invocation.invokeFunction(context, inputs, handler)
    coreContext.state = 'postInvocationHooks' // (worker InvocationHandler.ts)
    for (const hook of this.#hooks.get('postInvocation') ?? []) await hook({ ...before, result, error: null })
    await invocation.getResponse(context, result)
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
        traceContext: continueTrace(undefined, undefined),
        triggerMetadata: Object.fromEntries(
          Object.entries(triggerMetadata).map(([key, value]) => [
            key,
            typeof value === 'string' ? { string: value } : { int: value },
          ]),
        ),
      },
      log: (level: string, _: string, message: string) =>
        this.#onLine(`Functions.${metadata.name} ${invocationId} ${level}: ${message}`),
      state: undefined,
    })
    const { context, inputs } = await invocation.getArguments()
    await invocation.invokeFunction(context, inputs, handler)
  }

  /**
   * Runs a function for a blob or a message, as the host hands it over: bytes where its binding asks for them, else text.
   *
   * @param triggerMetadata  as the extension of the trigger has it
   * @returns what the host gets for its outputs
   * @throws what the function throws, which makes the host deliver the message again
   */
  async trigger(name: string, content: Buffer, triggerMetadata: Record<string, object>): Promise<unknown> {
    const { metadata, handler } = this.functions.get(name) as Registered
    const invocationId = randomUUID()
    const [trigger, binding] = Object.entries(metadata.bindings).find(([, { type }]) => /trigger$/i.test(type)) as [
      string,
      { dataType?: string },
    ]
    const data = binding.dataType === 'binary' ? { bytes: content } : { string: content.toString() }
    const invocation = (this.#model as ProgrammingModel).getInvocationModel({
      invocationId,
      metadata,
      request: { invocationId, inputData: [{ name: trigger, data }], triggerMetadata },
      log: () => {},
      state: undefined,
    })
    const { context, inputs } = await invocation.getArguments()
    const result = await invocation.invokeFunction(context, inputs, handler)
    return invocation.getResponse(context, result)
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
      const request = httpRequest(this.#httpUri, { method, path, headers: proxied, agent: false }, async response => {
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

/** The host has a span for each invocation, within the trace of the caller. (HttpContext's Activity, GrpcMessageConversionExtensions) */
function continueTrace(traceparent: string | undefined, traceState: string | undefined): object {
  const [, traceId = randomBytes(16).toString('hex'), , flags = '01'] = traceparent?.split('-') ?? []
  return { traceParent: `00-${traceId}-${randomBytes(8).toString('hex')}-${flags}`, traceState: traceState ?? '' }
}
