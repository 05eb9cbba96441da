import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { readPlacement } from '../../src/adapters/onnxruntime/node-profile.ts'
import { describeOnCpu, describePlacement, listProviders } from '../../src/models/session/placement.ts'

const node = (name: string, provider: string, type: string, index: number) => ({
  cat: 'Node',
  name: `${name}_kernel_time`,
  args: { provider: `${provider}ExecutionProvider`, op_name: type, node_index: String(index) },
})

/** What ONNX Runtime 1.30 wrote of the sample model iris on webgpu, without times, and a loop's body that runs twice. */
const events = [
  { cat: 'Session', name: 'model_loading_uri' },
  node('/MatMulAddFusion', 'WebGpu', 'Gemm', 5),
  node('ArgMax_3', 'WebGpu', 'ArgMax', 3),
  node('Memcpy', 'WebGpu', 'MemcpyToHost', 6),
  node('Softmax_2', 'WebGpu', 'Softmax', 2),
  node('Gather_4', 'CPU', 'Gather', 4),
  node('Gather_4', 'CPU', 'Gather', 4),
  { cat: 'Session', name: 'model_run' },
]

describe('readPlacement', () => {
  it('counts each node once by who ran it, and names the types that the CPU ran', () => {
    const placement = readPlacement('iris', events)
    assert.deepEqual(placement, { model: 'iris', nodes: { webgpu: 3, cpu: 1 }, typesOnCpu: ['Gather'] })
    assert.equal(placement && describePlacement(placement), 'webgpu (3 nodes), cpu (1 node: Gather)')
    assert.equal(placement && describeOnCpu(placement), '1 of 4 nodes (Gather)')
    assert.equal(placement && listProviders(placement), 'webgpu, cpu')
  })

  it('keeps the name of a provider that it does not know', () => {
    assert.deepEqual(readPlacement('m', [node('a', 'Vitis', 'Gemm', 0)])?.nodes, { VitisExecutionProvider: 1 })
  })

  it('tells nothing of a run without nodes', () => {
    assert.equal(readPlacement('m', [{ cat: 'Session', name: 'model_run' }]), undefined)
  })
})
