#!/usr/bin/env node
/** The command `scoring`. This file says on any Node.js which one is needed; the rest is loaded only where it runs. */
const [major = 0] = process.versions.node.split('.').map(Number)
if (major < 22) {
  console.error(`error: scoring needs Node.js 22 or later, and this is ${process.versions.node}`)
  process.exitCode = 1
} else {
  const { main } = await import('./main.ts')
  await main(process.argv.slice(2))
}
