import type { ErrorCode } from '../../errors.ts'
import type { ServiceDefinition } from '../../models/definition/definition.ts'
import type { LoadReport } from '../../models/session/load-report.ts'

type Report = Pick<LoadReport, 'scriptKind' | 'executionProvider' | 'inputJsonSchema' | 'mediaTypes' | 'encrypted'>

const npy = 'application/x-npy'
/** Media types of tensors as bytes, which need no script. */
const tensorMediaTypes: readonly string[] = [npy, 'application/octet-stream']

/** Lists the codes that a score request can get from this service, without those of credentials and of its state. */
export function listScoreFailures(definition: ServiceDefinition, report: Report): readonly ErrorCode[] {
  const { scriptKind, executionProvider, inputJsonSchema, mediaTypes = [] } = report
  const { entryScript, stages } = definition
  const hasScript = entryScript !== undefined || stages?.some(({ script }) => script !== undefined) === true
  const hasModel = executionProvider !== 'none'
  const isJson = scriptKind === 'typed'
  const takesTensors = isJson && inputJsonSchema === undefined
  const takesOtherTypes = mediaTypes.some(type => !tensorMediaTypes.includes(type))
  const groups: readonly (readonly [canHappen: boolean, codes: readonly ErrorCode[]])[] = [
    [true, ['HEADER_INVALID', 'BODY_ABORTED', 'BODY_NOT_DECOMPRESSIBLE', 'REQUEST_TIMEOUT', 'BODY_TOO_LARGE']],
    [true, ['CONTENT_ENCODING_UNSUPPORTED', 'QUEUE_FULL', 'SERVICE_STOPPING', 'SCORING_TIMEOUT', 'INTERNAL']],
    [isJson, ['BODY_EMPTY', 'BODY_NOT_JSON', 'BODY_NOT_OBJECT', 'BODY_NESTED_TOO_DEEPLY', 'CONTENT_TYPE_UNSUPPORTED']],
    [isJson || scriptKind === 'raw', ['BODY_NOT_UTF8']],
    [isJson, ['INPUT_MISSING']],
    [takesTensors, ['INPUT_UNKNOWN', 'INPUT_RAGGED']],
    // Models report these too, for tensors that a script passes to them.
    [takesTensors || hasModel, ['INPUT_SHAPE_MISMATCH', 'INPUT_TYPE_MISMATCH']],
    [isJson || hasModel, ['INPUT_INVALID']],
    [takesTensors || stages !== undefined, ['TOO_MANY_ROWS']],
    [mediaTypes.includes(npy), ['INPUT_NOT_NPY']],
    // Scripts that are given more than tensors may call `decodeImage`.
    [hasScript && (takesOtherTypes || !takesTensors), ['IMAGE_NOT_DECODABLE', 'IMAGE_TOO_LARGE']],
    [hasScript, ['ENTRY_SCRIPT_FAILED', 'ENTRY_SCRIPT_ENDED_THREAD', 'ENTRY_SCRIPT_OUT_OF_MEMORY']],
    [hasScript, ['OUTPUT_NOT_SERIALISABLE']],
    [hasModel, ['MODEL_RUN_FAILED']],
    [stages !== undefined, ['STAGE_MISMATCH']],
    [definition.deployments !== undefined, ['DEPLOYMENT_UNKNOWN']],
    [Boolean(report.encrypted?.original), ['PUBLIC_KEYS_UNKNOWN', 'PUBLIC_KEYS_UNAVAILABLE']],
  ]
  return groups.flatMap(([canHappen, codes]) => (canHappen ? codes : []))
}
