#!/usr/bin/env node
/** The command `scoring`. This file says on any Node.js which one is needed; the rest is loaded only where it runs. */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 19)) {
  console.error(`error: Node.js 22.19 or later is needed, found ${process.versions.node} (${process.execPath})`)
  process.exitCode = 1
} else {
  const { main } = await import('./main.ts')
  await main(process.argv.slice(2))
}
