import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'
import type { Placement } from '../../models/session/placement.ts'

/** Our names of execution providers by ONNX Runtime's. */
const providerNames: Readonly<Record<string, string>> = {
  CPUExecutionProvider: 'cpu',
  CUDAExecutionProvider: 'cuda',
  TensorrtExecutionProvider: 'tensorrt',
  WebGpuExecutionProvider: 'webgpu',
  DmlExecutionProvider: 'dml',
  CoreMLExecutionProvider: 'coreml',
  OpenVINOExecutionProvider: 'openvino',
  XnnpackExecutionProvider: 'xnnpack',
  QNNExecutionProvider: 'qnn',
}

/** One event of a profile: a node that ran, or a phase of the run. */
interface ProfileEvent {
  readonly cat?: string
  readonly name?: string
  readonly args?: { readonly provider?: string; readonly op_name?: string; readonly node_index?: string }
}

const folderPrefix = (thread: number) => `scoring-placement-${process.pid}-${thread}-`

/** The folder that a session writes its profile to. */
export class NodeProfile {
  readonly #folder = mkdtempSync(join(tmpdir(), folderPrefix(threadId)))

  /** The value for the session's option `profileFilePrefix`. */
  get prefix(): string {
    return join(this.#folder, 'run')
  }

  /** Reads the events that the session wrote when it ended its profile. */
  read(): ProfileEvent[] {
    const [file] = readdirSync(this.#folder)
    return file === undefined ? [] : JSON.parse(readFileSync(join(this.#folder, file), 'utf8'))
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** Removes the profiles of a worker that was ended while it loaded. */
export function removeProfiles(thread: number): void {
  for (const name of readdirSync(tmpdir())) {
    if (name.startsWith(folderPrefix(thread))) rmSync(join(tmpdir(), name), { recursive: true, force: true })
  }
}

/**
 * Counts the nodes by the provider that ran them.
 *
 * @param events  the profile of a run
 * @returns undefined when no node ran
 */
export function readPlacement(model: string, events: readonly ProfileEvent[]): Placement | undefined {
  const seen = new Set<string>()
  const counts = new Map<string, number>()
  const typesOnCpu = new Set<string>()
  for (const { cat, name, args } of events) {
    const { provider, op_name: type = 'unknown', node_index: index } = args ?? {}
    // Copies between devices are the runtime's own nodes.
    if (cat !== 'Node' || provider === undefined || type.startsWith('Memcpy')) continue
    // A node in the body of a loop runs more than once.
    const node = `${name} ${index}`
    if (seen.has(node)) continue
    seen.add(node)
    const ours = providerNames[provider] ?? provider
    counts.set(ours, (counts.get(ours) ?? 0) + 1)
    if (ours === 'cpu') typesOnCpu.add(type)
  }
  if (counts.size === 0) return undefined
  const nodes = Object.fromEntries([...counts].sort(([, a], [, b]) => b - a))
  return { model, nodes, typesOnCpu: [...typesOnCpu].sort() }
}
