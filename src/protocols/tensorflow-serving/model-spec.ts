/** `ModelSpec`: which model a message means (tensorflow_serving/apis/model.proto). */
import { ScoringError, showName } from '../../errors.ts'
import { MessageReader } from '../grpc/message-reader.ts'
import { MessageWriter } from '../grpc/message-writer.ts'
import type { NamedModel } from '../grpc/method.ts'

/** The only signature that services have: TensorFlow's name for the one that is meant when none is said. */
export const servedSignature = 'serving_default'

/** A model as a message names it. */
export class ModelSpec implements NamedModel {
  name = ''
  version: string | undefined
  #signature = ''
  #label = ''

  /** Adds a message; one that comes twice is one message, of which the last values count. @throws ScoringError INPUT_INVALID */
  add(reader: MessageReader): this {
    while (reader.next()) {
      if (reader.field === 1) this.name = reader.text()
      else if (reader.field === 2) this.version = readInt64Value(reader.message('Int64Value'))
      else if (reader.field === 3) this.#signature = reader.text()
      else if (reader.field === 4) this.#label = reader.text()
      else reader.skip()
    }
    return this
  }

  /** @throws ScoringError INPUT_INVALID where it asks for what no service has */
  check(): this {
    if (this.#label !== '')
      throw new ScoringError(
        'INPUT_INVALID',
        `model_spec.version_label is ${showName(this.#label)}, but versions have no labels here; leave it out, or set model_spec.version`,
      )
    if (this.#signature !== '' && this.#signature !== servedSignature)
      throw new ScoringError(
        'INPUT_INVALID',
        `model_spec.signature_name is ${showName(this.#signature)}, but a service has one signature, "${servedSignature}"; leave it out`,
      )
    return this
  }
}

function readInt64Value(reader: MessageReader): string {
  let value = 0n
  while (reader.next()) {
    if (reader.field === 1) value = reader.int64()
    else reader.skip()
  }
  return String(value)
}

/**
 * Reads which model a request means from its beginning, where serializers write it: it is field 1 of all requests.
 *
 * @param head  may be cut anywhere
 */
export function readModelSpec(head: Uint8Array): NamedModel {
  try {
    const reader = new MessageReader(head, 'request')
    if (reader.next() && reader.field === 1) return new ModelSpec().add(reader.message('ModelSpec'))
  } catch {
    // Cut off or malformed: the codec, which reads all of it, finds out.
  }
  return {}
}

/** @param name  as the caller wrote it, or that of the service */
export function writeModelSpec({ name, version }: { readonly name: string; readonly version: string }): MessageWriter {
  const spec = new MessageWriter().text(1, name)
  // Folders of versions are numbered.
  if (/^\d{1,18}$/.test(version)) spec.message(2, new MessageWriter().integer(1, BigInt(version)))
  return spec.text(3, servedSignature)
}
