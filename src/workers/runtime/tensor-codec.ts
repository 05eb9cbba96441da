import { ScoringError } from '../../errors.ts'
import type { Codec } from './codec.ts'
import { checkNamedInputs } from './named-inputs.ts'
import { nameOutputs } from './named-outputs.ts'

/** Tensors in and tensors out, without any text, within the process. */
export const tensorCodec: Codec = {
  mediaTypes: () => [],
  decodeByScript: () => undefined,
  decodeRows: ({ tensors = {} }, script) => ({ feeds: checkNamedInputs(tensors, script) }),
  decodeWhole: refuseTensors,
  encode: (result, { outputs }) => ({ kind: 'tensors', outputs: nameOutputs(result, outputs) }),
}

/** @throws ScoringError TENSORS_NOT_TAKEN, because the script reads request bodies in its own way */
export function refuseTensors(): never {
  throw new ScoringError(
    'TENSORS_NOT_TAKEN',
    'The script of this service reads request bodies itself and takes no tensors; send the body that the script expects to its /score.',
  )
}
