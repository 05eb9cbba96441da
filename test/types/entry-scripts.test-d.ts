/** What the compiler tells the author of an entry script. A `@ts-expect-error` line that compiles is an error itself. */
import {
  type BodyToDecode,
  type Dtype,
  decodeImage,
  type InitContext,
  type ModelSession,
  type RequestHeaders,
  Tensor,
  type TensorInfo,
  type TensorInput,
  tensor,
} from 'scoring-functions'
import { describe, expectTypeOf, it } from 'vitest'
import * as z from 'zod'
import type * as digits from '../../models/digits/decode.ts'
import type * as iris from '../../models/iris/score.ts'

declare const session: ModelSession
declare const context: InitContext
declare const headers: RequestHeaders
declare const body: BodyToDecode

describe('init', () => {
  it('gets the folder of the model, a loader and a log', () => {
    expectTypeOf<InitContext['modelDir']>().toEqualTypeOf<string>()
    expectTypeOf<InitContext['loadModel']>().toEqualTypeOf<(name?: string) => Promise<ModelSession>>()
    expectTypeOf<InitContext['log']>().parameters.toEqualTypeOf<unknown[]>()
    expectTypeOf<typeof iris.init>().parameters.toEqualTypeOf<[InitContext]>()
  })

  it('has to await the model', () => {
    // @ts-expect-error a promise of a session is no session
    const model: ModelSession = context.loadModel('iris')
    // @ts-expect-error models have names, not numbers
    void context.loadModel(0)
    return model
  })

  it('cannot change the context, nor find more in it', () => {
    // @ts-expect-error read-only
    context.modelDir = '/elsewhere'
    // @ts-expect-error there is no such member
    return context.loadModels
  })
})

describe('ModelSession', () => {
  it('takes and gives tensors by name', () => {
    expectTypeOf<ModelSession['run']>().toEqualTypeOf<
      (feeds: Readonly<Record<string, Tensor>>) => Promise<Record<string, Tensor>>
    >()
    expectTypeOf<ModelSession['inputs']>().toEqualTypeOf<readonly TensorInfo[]>()
    expectTypeOf<ModelSession['outputs']>().toEqualTypeOf<readonly TensorInfo[]>()
    expectTypeOf<ModelSession['optionalInputs']>().toEqualTypeOf<readonly TensorInfo[] | undefined>()
  })

  it('takes neither arrays nor tensors without names', () => {
    // @ts-expect-error arrays become tensors by Tensor.from
    void session.run({ features: [[5.1, 3.5]] })
    // @ts-expect-error typed arrays have no shape
    void session.run({ features: Float32Array.of(5.1, 3.5) })
    // @ts-expect-error which input it is for is not said
    void session.run(Tensor.from('float32', [[5.1, 3.5]]))
  })

  it('may have declared no shape', () => {
    expectTypeOf<TensorInfo['shape']>().toEqualTypeOf<readonly (number | string)[] | undefined>()
    // @ts-expect-error a model may take any number of dimensions
    return session.inputs[0]?.shape.length
  })
})

describe('Tensor', () => {
  it('is made from nested arrays, or from a typed array and a shape', () => {
    expectTypeOf(Tensor.from('int64', [[1, 2]])).toEqualTypeOf<Tensor>()
    expectTypeOf(new Tensor('string', ['a', 'b'], [2])).toEqualTypeOf<Tensor>()
    expectTypeOf(new Tensor('float32', Float32Array.of(0.2, 0.8), [1, 2], ['no', 'yes'])).toEqualTypeOf<Tensor>()
  })

  it('has one of the dtypes', () => {
    // @ts-expect-error NumPy's short name is none
    Tensor.from('f4', [1])
    // @ts-expect-error the dtype comes first
    Tensor.from([1], 'float32')
    expectTypeOf<Tensor['dtype']>().toEqualTypeOf<Dtype>()
    expectTypeOf<Dtype>().toEqualTypeOf<
      | 'float16'
      | 'float32'
      | 'float64'
      | 'int8'
      | 'uint8'
      | 'int16'
      | 'uint16'
      | 'int32'
      | 'uint32'
      | 'int64'
      | 'uint64'
      | 'bool'
      | 'string'
    >()
  })

  it('does not hold plain numbers, and not without a shape', () => {
    // @ts-expect-error numbers are held by a typed array
    new Tensor('float32', [1, 2], [2])
    // @ts-expect-error the shape is missing
    new Tensor('float32', Float32Array.of(1, 2))
  })

  it('cannot be given another shape', () => {
    const value = Tensor.from('float32', [1, 2])
    // @ts-expect-error read-only
    value.shape = [2, 1]
    // @ts-expect-error so are its sizes
    value.shape[0] = 1
    expectTypeOf(value.rowCount).toEqualTypeOf<number>()
    expectTypeOf(value.classes).toEqualTypeOf<readonly string[] | undefined>()
  })
})

describe('input', () => {
  it('is declared by a sample, as `tensor` makes one', () => {
    expectTypeOf(tensor([[5.1, 3.5]])).toEqualTypeOf<TensorInput>()
    expectTypeOf<TensorInput['sample']>().toEqualTypeOf<Tensor>()
    expectTypeOf<typeof digits.input>().toEqualTypeOf<TensorInput>()
    // @ts-expect-error there is no such dtype
    tensor([[5.1, 3.5]], 'float')
    // @ts-expect-error a sample has to be given
    tensor()
  })

  it('gives run a tensor under "data"', () => {
    const run = ({ data }: { data: TensorInput['sample'] }) => data.rowCount
    expectTypeOf(run).parameter(0).toEqualTypeOf<{ data: Tensor }>()
    // @ts-expect-error rows are not nested arrays
    return ({ data }: { data: Tensor }) => data[0]
  })

  it('gives run a tensor for each column', () => {
    const input = { age: tensor([[34]], 'float32'), plan: tensor([['basic']], 'string') }
    const run = ({ age, plan }: Record<keyof typeof input, Tensor>) => [age.data, plan.rowCount]
    expectTypeOf(run).parameter(0).toEqualTypeOf<{ age: Tensor; plan: Tensor }>()
    // @ts-expect-error there is no such column
    return ({ income }: Record<keyof typeof input, Tensor>) => income
  })

  it('of zod gives run what the schema says', () => {
    const input = z.object({ age: z.int(), mode: z.enum(['mean', 'sum']).default('mean') })
    const run = ({ age, mode }: z.infer<typeof input>) => [age, mode] as const
    expectTypeOf(run).returns.toEqualTypeOf<readonly [number, 'mean' | 'sum']>()
    // @ts-expect-error the schema has no such member
    return ({ name }: z.infer<typeof input>) => name
  })
})

describe('run', () => {
  it('gets the body as text where nothing is declared, and may answer a Response', () => {
    expectTypeOf<typeof iris.run>().parameters.toEqualTypeOf<[rawData: string]>()
    expectTypeOf<Response>().toExtend<Awaited<ReturnType<typeof iris.run>>>()
  })

  it('reads headers, of which any may be missing', () => {
    // Indexed by any name: with noUncheckedIndexedAccess, as here, the compiler asks for the case without it.
    expectTypeOf(headers['X-Custom-Thing']).toEqualTypeOf<string | undefined>()
    // @ts-expect-error it may not have come
    headers['X-Custom-Thing'].toLowerCase()
    // @ts-expect-error read-only
    headers['X-Custom-Thing'] = 'other'
    // @ts-expect-error not the Headers of fetch
    headers.get('X-Custom-Thing')
  })

  it('gets and gives the standard classes with rawHttp', () => {
    const run = async (request: Request) => new Response(await request.bytes(), { status: 201 })
    expectTypeOf(run).parameter(0).toEqualTypeOf<Request>()
    expectTypeOf(run).returns.resolves.toEqualTypeOf<Response>()
    // @ts-expect-error Express's names are not the platform's
    return (request: Request, response: Response) => response.send(request.body)
  })
})

describe('decode', () => {
  it('gets bytes with their media type', () => {
    expectTypeOf<BodyToDecode>().toEqualTypeOf<{
      readonly bytes: Uint8Array<ArrayBuffer>
      readonly contentType: string
    }>()
    expectTypeOf<typeof digits.decode>().toEqualTypeOf<(body: BodyToDecode) => Promise<Tensor>>()
    expectTypeOf<typeof digits.accepts>().toEqualTypeOf<string[]>()
    // @ts-expect-error the bytes are a member
    return body.length
  })

  it('asks decodeImage for what it can do', () => {
    expectTypeOf(
      decodeImage(body.bytes, { width: 8, layout: 'CHW', mean: [0.5, 0.5, 0.5] }),
    ).resolves.toEqualTypeOf<Tensor>()
    // @ts-expect-error transparency is painted over, there is no fourth channel
    void decodeImage(body.bytes, { channels: 4 })
    // @ts-expect-error no order of axes
    void decodeImage(body.bytes, { layout: 'WHC' })
    // @ts-expect-error no format that is read
    void decodeImage(body.bytes, { formats: ['gif'] })
    // @ts-expect-error neither of the types
    void decodeImage(body.bytes, { dtype: 'float64' })
    // @ts-expect-error no such option
    void decodeImage(body.bytes, { size: [8, 8] })
  })
})
