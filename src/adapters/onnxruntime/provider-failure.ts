import './telemetry-off.ts'

import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { listSupportedBackends } from 'onnxruntime-node'
import type { ProviderName } from '../../models/definition/execution-providers.ts'

/** Files beside the binding that hold a provider of its own, under the names of NuGet's Microsoft.ML.OnnxRuntime.Gpu.Linux. */
const providerLibraries: Partial<Record<ProviderName, readonly string[]>> = {
  cuda: ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'],
  tensorrt: ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_tensorrt.so'],
}

/** The names of providers for people, where they differ from those in `service.json`. */
const labels: Partial<Record<ProviderName, string>> = {
  cuda: 'CUDA',
  tensorrt: 'TensorRT',
  webgpu: 'WebGPU',
  dml: 'DirectML',
  coreml: 'CoreML',
  openvino: 'OpenVINO',
  xnnpack: 'XNNPACK',
  qnn: 'QNN',
}

/** Says why a session could not be opened on a provider: one sentence, without a full stop. */
export function explainFailure(provider: ProviderName, failure: Error): string {
  const backends = listSupportedBackends().map(({ name }) => name)
  const label = labels[provider] ?? provider
  if (!backends.includes(provider)) {
    const platform = `${process.platform}-${process.arch}`
    return `ONNX Runtime for ${platform} is built without ${label}; it has ${backends.join(', ')}`
  }
  const { message } = failure
  if (/Failed to load shared library/.test(message)) return explainMissingLibrary(provider, label)
  if (/Failed to get a WebGPU adapter/.test(message)) {
    const driver = process.platform === 'linux' ? ' with a Vulkan driver' : ''
    return `WebGPU finds no GPU${driver} (${plain(message.replace(/^[\s\S]*Failed to get a WebGPU adapter: /, ''))})`
  }
  return plain(message)
}

/** Finds the missing library, which ONNX Runtime names only in its log. */
function explainMissingLibrary(provider: ProviderName, label: string): string {
  const libraries = providerLibraries[provider] ?? []
  const folder = bindingFolder()
  const missing = libraries.filter(library => !existsSync(join(folder, library)))
  if (missing.length > 0) {
    const [verb, them] = missing.length === 1 ? ['is', 'it'] : ['are', 'them']
    return `${label} needs ${missing.join(' and ')}, which ${verb} not installed; the container image (infra/container) has ${them}`
  }
  const refused = libraries.map(library => loaderMessage(join(folder, library))).find(message => message !== undefined)
  return `the libraries of ${label} cannot be loaded${refused === undefined ? '' : `: ${refused}`}`
}

/** @returns the system loader's message, e.g. which other library is missing; undefined: the library can be loaded */
function loaderMessage(path: string): string | undefined {
  try {
    process.dlopen({ exports: {} }, path)
    return undefined
  } catch (failure) {
    const { message } = failure as Error
    // It was loaded, and is merely no module of Node.js.
    return /did not self-register/.test(message) ? undefined : plain(message)
  }
}

function bindingFolder(): string {
  const main = createRequire(import.meta.url).resolve('onnxruntime-node')
  return join(dirname(main), '..', 'bin', 'napi-v6', process.platform, process.arch)
}

/** Removes positions in source files, C++ assertions, status codes and line breaks from a message. */
export function plain(message: string): string {
  return message
    .replace(/^Load model from \S.*? failed:/, '')
    .replace(/^(Fatal error|Exception during (initialization|loading)): ?/, '')
    .replace(/^\/\S+:\d+ [\s\S]*? was false\. /, '')
    .replace(/^\/\S+:\d+ .*?\([^)]*\) /, '')
    .replace(/\[ONNXRuntimeError\] : \d+ : \w+ : /g, '')
    .replace(/\s+/g, ' ')
    .replace(/[\s.]+$/, '')
}
