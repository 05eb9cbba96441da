import type { ServiceDefinition } from '../definition/definition.ts'
import type { ExecutionProvider, ProviderName } from '../definition/execution-providers.ts'
import type { ServiceSpec } from './service-spec.ts'

type Accelerator = ServiceDefinition['accelerator']

/** One attempt to open a model. */
export interface ProviderAttempt {
  readonly name: ProviderName
  /** The providers that the session asks for. The CPU always stands behind them, for nodes that nothing else takes. */
  readonly providers: readonly ExecutionProvider[]
  /** No node may run on the CPU. */
  readonly isStrict: boolean
}

/**
 * Lists the attempts to open a model, in order, until one succeeds. Each asks for one provider: ONNX Runtime throws at an
 * absent one even when another follows it. Only TensorRT brings CUDA along where that is asked for too: CUDA runs the nodes
 * that TensorRT cannot take, which would go to the CPU otherwise.
 */
export function planAttempts({ executionProviders, onUnavailable }: Accelerator): ProviderAttempt[] {
  const attempts = executionProviders.map((provider, index) => {
    const name = nameOfProvider(provider)
    const cuda = executionProviders.slice(index + 1).find(each => nameOfProvider(each) === 'cuda')
    return {
      name,
      providers: name === 'tensorrt' && cuda ? [provider, cuda] : [provider],
      isStrict: onUnavailable === 'fail' && name !== 'cpu',
    }
  })
  return onUnavailable === 'fail' ? attempts.slice(0, 1) : attempts
}

function nameOfProvider(provider: ExecutionProvider): ProviderName {
  return typeof provider === 'string' ? provider : provider.name
}

/** Replaces the providers of a service by those of the deployment, in every stage. */
export function withProviders(spec: ServiceSpec, executionProviders: ExecutionProvider[] | undefined): ServiceSpec {
  if (!executionProviders) return spec
  const { definition, stages } = spec
  return {
    ...spec,
    definition: { ...definition, accelerator: { ...definition.accelerator, executionProviders } },
    stages: stages?.map(stage => ({ ...stage, accelerator: { ...stage.accelerator, executionProviders } })),
  }
}

/** @returns the providers that any model of the service may run on */
export function providersOfService({ definition, stages = [] }: ServiceSpec): ReadonlySet<ProviderName> {
  return new Set(
    [definition, ...stages].flatMap(({ accelerator }) => accelerator.executionProviders.map(nameOfProvider)),
  )
}
