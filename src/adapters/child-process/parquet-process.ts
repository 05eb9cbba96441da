/** Entry point of the process that plans one Parquet file. It requests bytes from its parent, and sends a chunk for each `next`. */

import { InputUnreadable } from '../../jobs/failure.ts'
import { planParquet } from '../../jobs/plan/plan-parquet.ts'
import type { FromProcess, ToProcess } from './messages.ts'
import { RemoteReads } from './remote-reads.ts'

const post = (message: FromProcess) => process.send?.(message)
const reads = new RemoteReads((read, range) => post({ type: 'read', read, range }))
let chunks: ReturnType<typeof planParquet> | undefined

async function next(): Promise<FromProcess> {
  try {
    if (!chunks) throw new Error('"plan" is the first message')
    const { done, value } = await chunks.next()
    return done ? { type: 'done', end: value } : { type: 'chunk', chunk: value }
  } catch (failure) {
    const { code, message, cause } = failure as InputUnreadable
    if (failure instanceof InputUnreadable) return { type: 'unreadable', code, message, cause: String(cause ?? '') }
    return { type: 'failed', cause: String(failure) }
  }
}

process.on('message', (message: ToProcess) => {
  switch (message.type) {
    case 'plan':
      chunks = planParquet(reads.read, message.options, message.cursor)
      return
    case 'next':
      void next().then(post)
      return
    case 'piece':
      return reads.add(message.read, message.bytes)
  }
})
// The parent ends it. It ignores signals to the process group, because the parent may still need it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
process.on('disconnect', () => process.exit())
