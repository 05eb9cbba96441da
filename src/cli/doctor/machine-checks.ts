/** What of this machine decides whether services run on it. */
import { execFile } from 'node:child_process'
import { statSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { promisify } from 'node:util'
import { availableProcessors } from '../../adapters/local/available-processors.ts'
import { memoryBytes } from '../../adapters/local/memory.ts'
import { hasAzurite } from '../../host/azurite/azurite-process.ts'
import { check, error, type Finding, ok, warning } from '../finding.ts'
import { readManifest } from '../manifest.ts'

const run = promisify(execFile)
const gib = 2 ** 30
const leastMemoryBytes = gib
const leastDiskBytes = gib

/** @param folder  whose disk has to hold storage and logs */
export async function checkMachine(folder: string): Promise<Finding[]> {
  const findings = await Promise.all([
    check('Node.js', () => [checkNode(process.versions.node)]),
    check('package', () => [describePackage()]),
    check('ONNX Runtime', checkOnnxRuntime),
    check('sharp', checkSharp),
    check('Azurite', () => [checkAzurite()]),
    check('processors', () => [describeProcessors()]),
    check('memory', () => [checkMemory(memoryBytes())]),
    check('disk', async () => [await checkDisk(folder)]),
    check('clock', () => [checkClock(Date.now())]),
  ])
  return findings.flat()
}

export function checkNode(version: string, least = readManifest().engines.node.replace(/^>=/, '')): Finding {
  return isAtLeast(version, least)
    ? ok('Node.js', version)
    : error('Node.js', `${version}, and ${least} or later is needed: https://nodejs.org`)
}

/** Compares numbers between dots; those that are left out are 0. */
function isAtLeast(version: string, least: string): boolean {
  const [actual, needed] = [version, least].map(text => text.split('.').map(Number))
  for (const index of [0, 1, 2]) {
    const difference = (actual?.[index] ?? 0) - (needed?.[index] ?? 0)
    if (difference !== 0) return difference > 0
  }
  return true
}

function describePackage(): Finding {
  const [npm] = /^npm\/\S+/.exec(process.env.npm_config_user_agent ?? '') ?? []
  return ok('package', `scoring-functions ${readManifest().version}${npm ? `, run by ${npm.replace('/', ' ')}` : ''}`)
}

/** Loads a package with native code in a process of its own, which it may end. */
async function loadPackage(name: string, expression: string): Promise<unknown> {
  const path = createRequire(import.meta.url).resolve(name)
  const script = `const loaded = require(process.argv[1]); console.log(JSON.stringify(${expression}))`
  const environment = { ...process.env, ORT_DISABLE_TELEMETRY: '1' }
  try {
    return JSON.parse((await run(process.execPath, ['-e', script, path], { env: environment })).stdout)
  } catch (failure) {
    const { stderr = '', signal, message } = failure as Error & { stderr?: string; signal?: string }
    const [reason] = /^\w*Error: .*$/m.exec(stderr) ?? []
    throw new Error(reason ?? (signal ? `its process ended with ${signal}` : message))
  }
}

async function checkOnnxRuntime(): Promise<Finding[]> {
  try {
    const loaded = await loadPackage('onnxruntime-node', '[loaded.env.versions.node, loaded.listSupportedBackends()]')
    const [version, backends] = loaded as [string, { name: string; bundled: boolean }[]]
    const names = (isBundled: boolean) =>
      backends.filter(({ bundled }) => bundled === isBundled).map(({ name }) => name)
    const others = names(false)
    const more = others.length > 0 ? `; with libraries of their vendor: ${others.join(', ')}` : ''
    return [ok('ONNX Runtime', `${version}, execution providers: ${names(true).join(', ')}${more}`)]
  } catch (failure) {
    return [
      error('ONNX Runtime', `does not load: ${(failure as Error).message}. Install the packages again with "npm ci"`),
    ]
  }
}

async function checkSharp(): Promise<Finding[]> {
  try {
    return [ok('sharp', `${await loadPackage('sharp', 'loaded.versions.sharp')}, decodes images`)]
  } catch (failure) {
    return [
      warning(
        'sharp',
        `does not load, so services cannot decode images: ${(failure as Error).message}. Install the packages again with "npm ci"`,
      ),
    ]
  }
}

function checkAzurite(): Finding {
  return hasAzurite()
    ? ok('Azurite', 'is installed, for local storage')
    : warning(
        'Azurite',
        'is not installed, so there is no local storage and no batch job: npm install --save-dev azurite',
      )
}

function describeProcessors(): Finding {
  const [usable, all] = [availableProcessors(), availableParallelism()]
  return ok('processors', usable < all ? `${usable} of ${all}, by the quota of the container` : String(all))
}

export function checkMemory(bytes: number): Finding {
  const text = `${(bytes / gib).toFixed(1)} GiB`
  return bytes >= leastMemoryBytes
    ? ok('memory', text)
    : warning('memory', `${text}; a service of a small model needs about 0.2 GiB, and the app 0.2 GiB more`)
}

async function checkDisk(folder: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(folder)
  const text = `${((bavail * bsize) / gib).toFixed(1)} GiB free`
  return bavail * bsize >= leastDiskBytes ? ok('disk', text) : warning('disk', `only ${text} for ${folder}`)
}

/** @param now  milliseconds since 1970 */
export function checkClock(now: number): Finding {
  const file = createRequire(import.meta.url).resolve('onnxruntime-node/package.json')
  const installedAt = Math.max(statSync(file).ctimeMs, Date.parse('2026-01-01'))
  const time = new Date(now).toISOString()
  return now >= installedAt
    ? ok('clock', time)
    : error('clock', `${time}, which is before the packages were installed: tokens and certificates will be rejected`)
}
