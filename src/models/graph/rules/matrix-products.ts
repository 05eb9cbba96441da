import { broadcastShapes, broadcastStates } from '../broadcasting.ts'
import { NotProven } from '../not-proven.ts'
import { isScalar, knownRank, knownShape, type OperatorCall, type Rule } from '../operator-call.ts'
import { type Rows, type Shape, type State, type TensorState, tensor } from '../row-state.ts'
import { involvesRows, literal, one, type Size, type SymbolTable } from '../symbolic-size.ts'

export const matrixProductRules: Readonly<Record<string, Rule>> = {
  MatMul: call => product(call, call.tensor(0), call.tensor(1)),
  MatMulInteger: call => {
    leftScalars(call, [2, 'zero point'])
    rightScales(call, 1, [3, 'zero point'])
    return product(call, call.tensor(0), call.tensor(1))
  },
  QLinearMatMul: call => {
    leftScalars(call, [1, 'scale'], [2, 'zero point'], [6, 'scale'], [7, 'zero point'])
    rightScales(call, 3, [4, 'scale'], [5, 'zero point'])
    return product(call, call.tensor(0), call.tensor(3))
  },
  Gemm: gemm,
  Einsum: einsum,
}

export const contribMatrixProductRules: Readonly<Record<string, Rule>> = {
  FusedMatMul: fusedMatMul,
  TransposeMatMul: fusedMatMul,
  FusedGemm: gemm,
  QGemm: call => {
    leftScalars(call, [1, 'scale'], [2, 'zero point'], [7, 'scale'], [8, 'zero point'])
    rightScales(call, 3, [4, 'scale'], [5, 'zero point'])
    return gemmState(call, call.tensor(0), call.tensor(3), call.optionalTensor(6))
  },
  MatMulIntegerToFloat: call => {
    leftScalars(call, [2, 'scale'], [4, 'zero point'])
    rightScales(call, 1, [3, 'scale'], [5, 'zero point'])
    const bias = call.constant(6, 'bias')
    const whole = product(call, call.tensor(0), call.tensor(1))
    return bias ? broadcastStates(call.symbols, [whole, bias]) : whole
  },
  MatMulNBits: lowBitProduct,
  MatMulBnb4: lowBitProduct,
}

/**
 * `[…, n, k] × […, k, m]`. The rows may lie on n, on m or on a batch axis, never on k, which is summed over; `tensor` sees to
 * it that they lie on one axis of the result only.
 */
function product(call: OperatorCall, a: TensorState, b: TensorState): TensorState {
  return productOfShapes(call.symbols, knownShape(a), knownShape(b), [a, b])
}

function productOfShapes(symbols: SymbolTable, a: Shape, b: Shape, operands: readonly State[]): TensorState {
  if (a.length === 0 || b.length === 0) throw new NotProven('multiplies a matrix by a single number')
  const left = a.length === 1 ? [one, ...a] : a
  const right = b.length === 1 ? [...b, one] : b
  if (involvesRows(left.at(-1) as Size) || involvesRows(right.at(-2) as Size))
    throw new NotProven('sums over the axis of the rows')
  const batch = broadcastShapes(symbols, [left.slice(0, -2), right.slice(0, -2)])
  const matrix = [...(a.length === 1 ? [] : [left.at(-2) as Size]), ...(b.length === 1 ? [] : [right.at(-1) as Size])]
  return tensor([...batch, ...matrix], ...operands)
}

function fusedMatMul(call: OperatorCall): State {
  if (call.int('transBatchA', 0) !== 0 || call.int('transBatchB', 0) !== 0)
    throw new NotProven('moves its batch axis, for which there is no rule')
  return transposedProduct(call, call.tensor(0), call.tensor(1))
}

/** Multiplies matrices, of which the attributes say whether they are transposed first. */
function transposedProduct(call: OperatorCall, a: TensorState, b: TensorState): TensorState {
  const [left, right] = [transposedIf(call, 'transA', a), transposedIf(call, 'transB', b)]
  return productOfShapes(call.symbols, left, right, [a, b])
}

function gemm(call: OperatorCall): State {
  return gemmState(call, call.tensor(0), call.tensor(1), call.optionalTensor(2))
}

function gemmState(call: OperatorCall, a: TensorState, b: TensorState, addend: TensorState | undefined): TensorState {
  if (knownRank(a) !== 2 || knownRank(b) !== 2) throw new NotProven('multiplies tensors that are not matrices')
  const whole = transposedProduct(call, a, b)
  if (!addend) return whole
  if (call.node.domain === '' && call.opset < 7 && knownRank(addend) !== 2)
    throw new NotProven('stretches its operands as operator sets up to 6 do')
  return broadcastStates(call.symbols, [whole, addend])
}

function transposedIf(call: OperatorCall, attribute: string, matrix: TensorState): Shape {
  const shape = knownShape(matrix)
  if (call.int(attribute, 0) === 0) return shape
  if (shape.length < 2) throw new NotProven('transposes a vector')
  return [...shape.slice(0, -2), shape.at(-1) as Size, shape.at(-2) as Size]
}

/** Weights of 4 or 8 bits in blocks: a constant matrix, whose width is an attribute. */
function lowBitProduct(call: OperatorCall): State {
  const a = call.tensor(0)
  for (let index = 1; index < call.inputs.length; index++) call.constant(index, 'weights')
  const shape = knownShape(a)
  if (involvesRows(shape.at(-1) ?? one)) throw new NotProven('sums over the axis of the rows')
  const width = call.int('N')
  if (width === undefined || call.int('transB', 1) === 0) throw new NotProven('does not say how wide its result is')
  return tensor([...shape.slice(0, -1), literal(width)], a)
}

function leftScalars(call: OperatorCall, ...named: readonly (readonly [index: number, what: string])[]): void {
  for (const [index, what] of named) {
    const scale = call.constant(index, what)
    if (scale && !isScalar(scale)) throw new NotProven(`has a ${what} for each row of a matrix`)
  }
}

/** The right operand may have a scale for each of its columns, unless the rows are those columns. */
function rightScales(
  call: OperatorCall,
  operand: number,
  ...named: readonly (readonly [index: number, what: string])[]
): void {
  for (const [index, what] of named) {
    const scale = call.constant(index, what)
    if (scale && !isScalar(scale) && call.tensor(operand).kind === 'rows')
      throw new NotProven(`has a ${what} for each column of rows`)
  }
}

/** Every letter is an axis. The letter of the rows must reach the result, and must be the rows' axis in every operand. */
function einsum(call: OperatorCall): State {
  const operands = call.tensors()
  const [left = '', right] = call.text('equation', '').replaceAll(' ', '').split('->')
  const terms = left.split(',')
  const output = right ?? implicitOutput(left)
  if (terms.length !== operands.length) throw new NotProven('has another number of operands than its equation')
  if (![...terms, output].every(term => /^[A-Za-z]*$/.test(term) && new Set(term).size === term.length))
    throw new NotProven('uses an ellipsis or a letter twice in one term of its equation')
  const sizes = new Map<string, Size[]>()
  for (const [index, term] of terms.entries()) {
    const shape = knownShape(operands[index] as TensorState)
    if (shape.length !== term.length) throw new NotProven('has operands of another rank than its equation')
    for (const [axis, letter] of [...term].entries())
      sizes.set(letter, [...(sizes.get(letter) ?? []), shape[axis] as Size])
  }
  for (const [letter, lengths] of sizes)
    if (lengths.some(involvesRows) && !output.includes(letter)) throw new NotProven('sums over the axis of the rows')
  const shape = [...output].map(letter => {
    const lengths = sizes.get(letter)
    if (!lengths) throw new NotProven('has a letter in its result that no operand has')
    return broadcastShapes(
      call.symbols,
      lengths.map(size => [size]),
    )[0] as Size
  })
  return tensor(shape, ...(operands.filter(operand => operand.kind === 'rows') as Rows[]))
}

/** @returns the letters of the result without an arrow: those that occur once, in alphabetical order */
function implicitOutput(terms: string): string {
  const letters = [...terms.replaceAll(',', '')]
  if (letters.some(letter => letter < 'a')) throw new NotProven('leaves the order of its result open')
  return letters
    .filter(letter => letters.indexOf(letter) === letters.lastIndexOf(letter))
    .sort()
    .join('')
}
