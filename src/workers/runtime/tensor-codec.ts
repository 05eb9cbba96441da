import { refuseTensors } from '../../models/session/load-report.ts'
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
