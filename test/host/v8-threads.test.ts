import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { it } from 'vitest'
import { v8ThreadArgs } from '../../src/host/v8-threads.ts'

const countThreads = `const { readdirSync, readFileSync } = require('node:fs')
const names = readdirSync('/proc/self/task').map(id => readFileSync('/proc/self/task/' + id + '/comm', 'utf8').trim())
console.log(names.filter(name => name === 'V8Worker').length)`

it.each([
  [1, 1],
  [2, 1],
  [4, 3],
  [5, 4],
  [64, 4],
])('on %i processors, V8 has %i threads of its own', (processorCount, expected) => {
  const args = v8ThreadArgs(processorCount)
  const size = Number(args[0]?.replace('--v8-pool-size=', '') ?? 4)
  assert.equal(size, expected)
  if (!readdirSync('/').includes('proc')) return
  const output = execFileSync(process.execPath, [...args, '-e', countThreads], { encoding: 'utf8' })
  assert.equal(Number(output), expected)
})
