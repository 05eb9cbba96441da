import { ScoringError } from '../../errors.ts'
import { RepeatedNumbers } from '../grpc/repeated-numbers.ts'

/**
 * Splits the `tensor_content` of a DT_STRING tensor: the length of each value as a varint, then all values. C++ programs write
 * it (`Tensor::AsProtoTensorContent`; tensorflow/core/lib/strings/coding.cc, `EncodeStringList`).
 *
 * @param input  its name, for messages
 * @param count  how many values the shape has
 * @throws ScoringError INPUT_INVALID
 */
export function* splitTexts(input: string, content: Uint8Array, count: number): Generator<Uint8Array> {
  const refuse = (what: string) =>
    new ScoringError(
      'INPUT_INVALID',
      `input ${JSON.stringify(input)}: its tensor_content ${what}; strings are best sent in string_val`,
    )
  let at = 0
  for (let found = 0; found < count; at++) {
    if (at === content.length) throw refuse(`has no lengths of ${count} values`)
    if ((content[at] as number) < 128) found++
  }
  const lengths = new Uint32Array(count)
  const varints = new RepeatedNumbers('varint')
  if (!varints.add(content.subarray(0, at))) throw refuse('has a length with more bytes than a number can have')
  varints.copyVarints(lengths)
  for (const [index, length] of lengths.entries()) {
    if (at + length > content.length) throw refuse(`ends within value ${index}`)
    yield content.subarray(at, at + length)
    at += length
  }
  if (at < content.length) throw refuse(`has ${content.length - at} bytes after its ${count} values`)
}
