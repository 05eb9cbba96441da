import * as z from 'zod'

const providerNames = ['cpu', 'cuda', 'tensorrt', 'webgpu', 'dml', 'coreml', 'openvino', 'xnnpack', 'qnn'] as const
export type ProviderName = (typeof providerNames)[number]

/**
 * ONNX Runtime's execution providers and the options that its binding for Node.js passes to them (1.30,
 * js/node/src/session_options_helper.cc). It silently drops other options, and unknown names beside a known one.
 */
function makeOptions() {
  const deviceId = z.int().min(0).max(255).optional().describe('which of several GPUs; default: 0, the first')
  const cacheMode = z.enum(['disabled', 'lazyRelease', 'simple', 'bucket']).optional()
  return {
    cpu: {},
    cuda: { deviceId },
    tensorrt: { deviceId },
    webgpu: {
      preferredLayout: z.enum(['NCHW', 'NHWC']).optional(),
      forceCpuNodeNames: z.array(z.string()).optional().describe('names of nodes that stay on the CPU'),
      validationMode: z.enum(['disabled', 'wgpuOnly', 'basic', 'full']).optional(),
      enableRobustness: z.boolean().optional(),
      storageBufferCacheMode: cacheMode,
      uniformBufferCacheMode: cacheMode,
      queryResolveBufferCacheMode: cacheMode,
      defaultBufferCacheMode: cacheMode,
    },
    dml: { deviceId },
    coreml: { coreMlFlags: z.int().min(0).optional().describe('COREML_FLAG_…, added up') },
    openvino: {},
    xnnpack: {},
    qnn: {
      backendType: z.string().optional(),
      backendPath: z.string().optional(),
      enableFp16Precision: z.boolean().optional(),
    },
  } satisfies Record<ProviderName, z.core.$ZodShape>
}

/** A name, or an object with the name and options of that provider. */
function makeWithOptions() {
  const options = makeOptions()
  const object = <Name extends ProviderName>(name: Name) => {
    const known = Object.keys(options[name]).join(', ') || 'none'
    const shape = { name: z.literal(name), ...(options[name] as ReturnType<typeof makeOptions>[Name]) }
    return z.strictObject(shape, `options of ${name}: ${known}`)
  }
  return {
    cpu: object('cpu'),
    cuda: object('cuda'),
    tensorrt: object('tensorrt'),
    webgpu: object('webgpu'),
    dml: object('dml'),
    coreml: object('coreml'),
    openvino: object('openvino'),
    xnnpack: object('xnnpack'),
    qnn: object('qnn'),
  }
}
type WithOptions = ReturnType<typeof makeWithOptions>

/** Execution providers in order of preference. Made with the first service that names one: it would take 5 ms of each start. */
export const ExecutionProviders = z.lazy(() => {
  const withOptions = makeWithOptions()
  const { cpu, cuda, tensorrt, webgpu, dml, coreml, openvino, xnnpack, qnn } = withOptions
  const objects = z.discriminatedUnion('name', [cpu, cuda, tensorrt, webgpu, dml, coreml, openvino, xnnpack, qnn])
  const error = ({ input }: { readonly input?: unknown }) => describeFault(input, withOptions)
  return z.array(z.union([z.enum(providerNames), objects], { error })).min(1)
})
export type ExecutionProvider = z.infer<typeof ExecutionProviders>[number]

/** Says what is wrong with an entry of the list, and what would be right. */
function describeFault(input: unknown, withOptions: WithOptions): string {
  const isObject = typeof input === 'object' && input !== null
  const name = isObject && 'name' in input ? input.name : input
  if (typeof name !== 'string') return 'must be the name of a provider, or an object with "name" and its options'
  if (!isProviderName(name)) return `must be one of ${providerNames.join(', ')}${isObject ? `, found "${name}"` : ''}`
  const [issue] = withOptions[name].safeParse(input).error?.issues ?? []
  return `${name}: ${issue?.path.join('.')}: ${issue?.message}`
}

function isProviderName(name: string): name is ProviderName {
  return (providerNames as readonly string[]).includes(name)
}
