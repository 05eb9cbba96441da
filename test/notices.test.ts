import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { describe, it } from 'vitest'

const rule = '='.repeat(80)

describe('THIRD-PARTY-NOTICES.txt', () => {
  const notices = readFileSync('dist/THIRD-PARTY-NOTICES.txt', 'utf8')

  it('has every package that a bundle holds', () => {
    // esbuild writes where each file came from, except where it leaves out white space.
    const named = globSync('dist/*.{cjs,mjs}').flatMap(file =>
      [...readFileSync(file, 'utf8').matchAll(/^ *\/\/ .*node_modules\/((?:@[^/\s]+\/)?[^/\s]+)\//gm)].map(
        ([, name]) => name,
      ),
    )
    const minified = [
      '@azure/identity',
      '@azure/keyvault-secrets',
      '@azure/msal-node',
      '@azure/storage-blob',
      '@azure/service-bus',
      'hyparquet',
      '@opentelemetry/api',
      '@opentelemetry/exporter-trace-otlp-proto',
      '@opentelemetry/sdk-metrics',
      '@opentelemetry/sdk-trace-base',
      '@petamoriken/float16',
      'jose',
      'zod',
    ]
    assert.notEqual(named.length, 0)
    for (const name of new Set([...named, ...minified, 'swagger-ui-dist']))
      assert.ok(notices.includes(`${rule}\n${name} `), `${name} is missing`)
  })

  it('has the schemas that gRPC hands out', () => {
    for (const name of ['schemas of tritonclient ', 'schemas of TensorFlow '])
      assert.ok(notices.includes(`${rule}\n${name}`), `${name} is missing`)
  })

  it('has the text that each licence asks for', () => {
    const [, ...sections] = notices.split(`${rule}\n`)
    for (let at = 0; at < sections.length; at += 2)
      assert.match(
        sections[at + 1] as string,
        /permission is hereby granted|permission to use, copy, modify|Apache License|redistribution and use/i,
        sections[at],
      )
  })
})
