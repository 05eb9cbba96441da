/** The `"jobs"` of a `service.json`: blobs that become batch jobs by themselves. */
import * as z from 'zod'
import { storageName } from './blob-path.ts'
import { findFormFault, InputForm } from './input-form.ts'

/** Containers of the app's jobs and of the host. */
const ownContainers = /^(jobs$|azure-webjobs-)/

function pathRule(text: string): string | undefined {
  const slash = text.indexOf('/')
  const [container, path] = [text.slice(0, Math.max(0, slash)), text.slice(slash + 1)]
  if (!storageName.test(container) || path === '')
    return 'must be a container (3 to 63 characters of a-z, 0-9 and single "-") and a path, such as inbox/*.csv'
  if (ownContainers.test(container)) return `must not be in the container "${container}", which belongs to the app`
  if (/\\|(^|\/)\.{0,2}(\/|$)|\p{Cc}/u.test(path))
    return 'must have no empty folders, no "." or ".." as a folder, and no backslashes'
  return undefined
}

const path = z
  .string()
  .max(512)
  .superRefine((text, context) => {
    const fault = pathRule(text)
    if (fault !== undefined) context.addIssue({ code: 'custom', message: fault })
  })

export const Jobs = z
  .strictObject({
    watch: path
      .refine(text => !/[{}]/.test(text), 'must have no braces; * stands for any part of a name')
      .optional()
      .describe('container and pattern, e.g. "inbox/*.csv": each new or changed blob becomes one batch job'),
    source: z
      .enum(['polling', 'eventGrid'])
      .default('polling')
      .describe('how Azure learns of these blobs: polling, or eventGrid, which Flex Consumption requires'),
    input: InputForm.optional().describe(
      'how these blobs are written, as in the "input" of a submission, e.g. {"delimiter": ";", "decimal": ","}',
    ),
    output: path
      .optional()
      .describe(
        'blob for the predictions of such a job, with {name}, {date}, {jobId} and {service}, e.g. "output/{name}.csv"; absent: in the container of jobs',
      ),
    overwrite: z.boolean().default(false).describe('whether a blob of that name is replaced'),
  })
  .refine(({ watch, output }) => watch !== undefined || output === undefined, {
    path: ['output'],
    error: 'is the output of the jobs of "watch", which is missing',
  })
  .refine(({ watch, output }) => output === undefined || containerIn(watch ?? '') !== containerIn(output), {
    path: ['output'],
    error: 'is in the container of "watch", where it could become a job as well; use another container',
  })
  .superRefine(({ watch, input }, context) => {
    if (input === undefined) return
    const missing = { member: undefined, fault: 'says how the blobs of "watch" are written, which is missing' }
    const wrong = watch === undefined ? missing : findFormFault(input, input.format ?? 'csv')
    if (!wrong) return
    const path = wrong.member === undefined ? ['input'] : ['input', wrong.member]
    context.addIssue({ code: 'custom', message: wrong.fault, path })
  })
export type Jobs = z.infer<typeof Jobs>

/** What the jobs of such blobs may read from and write to: who deploys the service says so. */
export function watchedContainers({ watch, output }: Jobs): string[] {
  return [watch, output].flatMap(each => (each === undefined ? [] : [containerIn(each)]))
}

/** The path of the blob trigger: it also sees blobs that do not match the pattern. */
export function watchedPath(watch: string): string {
  return `${/^[^*?]*/.exec(watch)?.[0]}{name}`
}

export function containerIn(blob: string): string {
  return blob.slice(0, blob.indexOf('/'))
}
