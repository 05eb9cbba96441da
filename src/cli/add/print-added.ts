import { describeBytes, describeSharing, describeTensor, isAboutRows, shorten } from '../describe.ts'
import { formatTable, openTerminal } from '../terminal.ts'
import type { Added } from './add-service.ts'

/** Says what was found and written, and what to do next. */
export function printAdded(added: Added): void {
  const terminal = openTerminal()
  const { service, version, folder, isNewService, report, sample, whyNoSample, files, pinned, modelBytes } = added
  const what = isNewService ? `Service ${service} is made in ${folder}.` : `${service} has version ${version} now.`
  console.log(`${terminal.paint('bold', what)}\n`)
  const sharing = describeSharing(report)
  const optional = report.optionalInputs ?? []
  const facts: [string, readonly string[]][] = [
    [
      'model',
      [`${describeBytes(modelBytes)}, loaded in ${Math.round(report.loadMs)} ms on ${report.executionProvider}`],
    ],
    ['inputs', report.inputs.map(describeTensor)],
    ['optional', optional.map(describeTensor)],
    ['outputs', report.outputs.map(describeTensor)],
    ['rows', [sharing, ...report.notes.filter(note => !isAboutRows(note))]],
    ['sample', sample ? [describeSample(sample), `answer: ${shorten(sample.answer, 160)}`] : [whyNoSample ?? 'none']],
    ['written', files],
  ]
  const rows = facts.flatMap(([title, lines]) => lines.map((line, index) => [index === 0 ? title : '', line]))
  console.log(formatTable(rows, terminal, { indent: 2, columns: [{}, { overflow: 'wrap' }] }))
  if (pinned !== undefined && !/^\d+$/.test(pinned))
    console.log(
      `\nservice.json names ${pinned}, which is still served. Remove "models" from it to serve the newest version.`,
    )
  else if (pinned !== undefined) console.log(`\nVersion ${pinned} is still served, because it is the highest.`)
  if (isNewService && sample) console.log('\nThe rows in sample.json are made up; replace them by real ones.')
  if (isNewService && !sample)
    console.log(
      '\nWrite a request that can be scored to sample.json, and name it in service.json: "schema": {"input": "sample.json"}',
    )
  const advice = isNewService ? adviseNames(added) : undefined
  if (advice !== undefined) console.log(`\n${advice}`)
  const next = [
    ...(sample ? [[`npx scoring score ${service}`, 'score the sample']] : []),
    [`npx scoring check ${service}`, 'see whether it can be deployed'],
    ['npx scoring start', 'serve it on this machine; a running app loads it by itself'],
    [`npx scoring keys show ${service}`, 'show the keys that callers send'],
  ]
  console.log(`\nNext:\n${formatTable(next, terminal, { indent: 2 })}`)
}

/** One input for all columns takes them without names, in an order that callers cannot see. */
function adviseNames({ report }: Added): string | undefined {
  const [only, ...others] = report.inputs
  const width = only?.shape?.length === 2 ? only.shape[1] : undefined
  if (others.length > 0 || typeof width !== 'number' || width < 2 || width > mostNamedColumns) return undefined
  return `Rows are lists of ${width} values, in the order of training. To take them by name, put "input": {"columns": […]} with ${width} names into service.json.`
}

/** Wider inputs are pixels and embeddings. */
const mostNamedColumns = 50

function describeSample({ rowCount }: NonNullable<Added['sample']>): string {
  if (rowCount === undefined) return 'the sample of the service is scored'
  return `${rowCount} made-up row${rowCount === 1 ? '' : 's'}, scored`
}
