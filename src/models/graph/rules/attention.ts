import { NotProven } from '../not-proven.ts'
import { expectRowsOn, expectSameRows, knownRank, knownShape, type OperatorCall, type Rule } from '../operator-call.ts'
import { type Shape, type State, type TensorState, tensor } from '../row-state.ts'
import { divide, isLiteral, literal, literalValue, multiply, one, type Size } from '../symbolic-size.ts'

/** Tokens attend to tokens of their own row: rows lie on axis 0 of the query, keys, values, caches and masks. */
export const attentionRules: Readonly<Record<string, Rule>> = {
  Attention: attention,
  RotaryEmbedding: call => rotaryEmbedding(call, { positions: 3, tables: [1, 2] }),
}

export const contribAttentionRules: Readonly<Record<string, Rule>> = {
  Attention: call => selfAttention(call, { mask: 3, past: 4, bias: 5, constants: [1, 2] }),
  QAttention: call => selfAttention(call, { mask: 5, past: 8, bias: undefined, constants: [1, 2, 3, 4, 6, 7] }),
  MultiHeadAttention: multiHeadAttention,
  GroupQueryAttention: groupQueryAttention,
  RotaryEmbedding: call => rotaryEmbedding(call, { positions: 1, tables: [2, 3] }),
  EmbedLayerNormalization: embedLayerNormalization,
}

/** Requires rows on `axis`, as many as in `data`; or a constant of length 1 there, which is the same for all rows. */
function alongside(call: OperatorCall, data: TensorState, index: number, what: string, axis = 0): void {
  const state = call.optionalTensor(index)
  if (!state || (state.kind === 'constant' && data.kind === 'constant')) return
  if (state.kind === 'constant') {
    const size = knownShape(state)[axis]
    if (!size || !isLiteral(size, 1)) throw new NotProven(`has a ${what} of another length than the rows`)
    return
  }
  expectRowsOn(state, axis)
  expectSameRows(data, state)
}

/** A mask of rank 1 has one length a row; other forms of rank 1 lie end to end and are no rows. */
function keyMask(call: OperatorCall, data: TensorState, index: number): void {
  const mask = call.optionalTensor(index)
  if (!mask || (mask.kind === 'constant' && data.kind === 'constant')) return
  expectRowsOn(mask, 0)
  expectSameRows(data, mask)
}

/** Everything packed into one input and one weight. */
function selfAttention(
  call: OperatorCall,
  indexes: { mask: number; past: number; bias: number | undefined; constants: readonly number[] },
): readonly State[] {
  const data = call.tensor(0)
  expectRowsOn(data, 0)
  for (const index of indexes.constants) call.constant(index, 'weights')
  keyMask(call, data, indexes.mask)
  const past = call.optionalTensor(indexes.past)
  if (past) {
    expectRowsOn(past, 1)
    expectSameRows(data, past)
  }
  if (indexes.bias !== undefined) {
    alongside(call, data, indexes.bias, 'bias')
    call.constant(6, 'length of the past')
  }
  const [rows = one, time = one] = knownShape(data)
  const unknown = () => call.symbols.unknownSize()
  const [, , ofValues] = call.ints('qkv_hidden_sizes') ?? []
  const packed = call.constant(1, 'weights')?.shape?.at(-1)
  const width = ofValues === undefined ? packed && divide(packed, literal(3)) : literal(ofValues)
  const output = tensor([rows, time, width ?? unknown()], data)
  return [output, tensor([literal(2), rows, unknown(), unknown(), unknown()], data)]
}

function multiHeadAttention(call: OperatorCall): readonly State[] {
  const query = call.tensor(0)
  expectRowsOn(query, 0)
  alongside(call, query, 1, 'key')
  alongside(call, query, 2, 'value')
  call.constant(3, 'bias')
  keyMask(call, query, 4)
  alongside(call, query, 5, 'bias')
  alongside(call, query, 6, 'past')
  alongside(call, query, 7, 'past')
  call.constant(8, 'length of the past')
  if (call.has(9)) throw new NotProven('searches along beams, for which there is no rule')
  return withPresent(call, query, [
    ...knownShape(query).slice(0, 2),
    valueWidth(call, query) ?? call.symbols.unknownSize(),
  ])
}

function valueWidth(call: OperatorCall, query: TensorState): Size | undefined {
  const ofQuery = knownShape(query)
  const ofValue = call.optionalTensor(2)?.shape
  if (ofQuery.length === 5) return multiply(ofQuery[2] as Size, ofQuery[4] as Size)
  if (ofValue?.length === 3) return ofValue[2]
  if (ofValue?.length === 4) return multiply(ofValue[1] as Size, ofValue[3] as Size)
  return undefined
}

function groupQueryAttention(call: OperatorCall): readonly State[] {
  const query = call.tensor(0)
  expectRowsOn(query, 0)
  for (const index of [1, 2]) alongside(call, query, index, 'key')
  for (const index of [3, 4]) alongside(call, query, index, 'past')
  keyMask(call, query, 5)
  call.constants([6, 'total length'], [7, 'table'], [8, 'table'], [11, 'sink'])
  alongside(call, query, 9, 'positions')
  alongside(call, query, 10, 'bias')
  if (call.inputs.length > 12) throw new NotProven('has inputs for which there is no rule')
  const shape = knownShape(query)
  // Without keys the query holds all three, and the result has only part of its width.
  return withPresent(call, query, call.has(1) ? shape : [...shape.slice(0, 2), call.symbols.unknownSize()])
}

/** ai.onnx, from opset 23: query, key, value, mask, past key, past value, lengths. */
function attention(call: OperatorCall): readonly State[] {
  const query = call.tensor(0)
  expectRowsOn(query, 0)
  for (const index of [1, 2]) alongside(call, query, index, 'key')
  const mask = call.optionalTensor(3)
  // A mask is broadcast from the right: only with all four axes is its first one that of the rows.
  if (mask && (mask.kind === 'rows' || knownRank(mask) >= 4)) {
    if (knownRank(mask) !== 4) throw new NotProven('stretches a mask along the rows')
    alongside(call, query, 3, 'mask')
  }
  for (const index of [4, 5]) alongside(call, query, index, 'past')
  keyMask(call, query, 6)
  const shape = knownShape(query)
  const value = call.tensor(2).shape
  if (shape.length === 4)
    return withPresent(call, query, [...shape.slice(0, 3), value?.at(-1) ?? call.symbols.unknownSize()])
  const [queryHeads, valueHeads] = [call.int('q_num_heads'), call.int('kv_num_heads')]
  const perHead = value && valueHeads && divide(value.at(-1) ?? one, literal(valueHeads))
  const width = perHead && queryHeads ? multiply(perHead, literal(queryHeads)) : call.symbols.unknownSize()
  return withPresent(call, query, [...shape.slice(0, 2), width])
}

/** The result, then the caches of keys and values, then the products before the softmax: all with rows on axis 0. */
function withPresent(call: OperatorCall, query: TensorState, shape: Shape): readonly State[] {
  const rows = knownShape(query)[0] ?? one
  const cache = () => tensor([rows, ...[1, 2, 3].map(() => call.symbols.unknownSize())], query)
  return [tensor(shape, query), cache(), cache(), cache()]
}

function rotaryEmbedding(call: OperatorCall, indexes: { positions: number; tables: readonly number[] }): State {
  const data = call.tensor(0)
  expectRowsOn(data, 0)
  for (const index of indexes.tables) {
    const table = call.constant(index, 'table')
    if (table && knownRank(table) > 2 && !isLiteral(knownShape(table)[0] as Size, 1))
      throw new NotProven('has a table of another length than the rows')
  }
  const positions = call.optionalTensor(indexes.positions)
  const isOffset =
    positions?.kind === 'constant' && positions.shape?.length === 1 && literalValue(positions.shape[0] as Size) === 1
  if (!isOffset) alongside(call, data, indexes.positions, 'positions')
  return data
}

function embedLayerNormalization(call: OperatorCall): readonly State[] {
  const ids = call.tensor(0)
  expectRowsOn(ids, 0)
  alongside(call, ids, 1, 'segments')
  for (const index of [2, 3, 4, 5, 6]) call.constant(index, 'tables')
  keyMask(call, ids, 7)
  alongside(call, ids, 8, 'positions')
  const [rows = one, time = one] = knownShape(ids)
  const width = call.constant(2, 'tables')?.shape?.at(-1) ?? call.symbols.unknownSize()
  const embedded = tensor([rows, time, width], ids)
  return [embedded, tensor([rows], ids), embedded]
}
