/**
 * Bundles what runs into `dist/`:
 *
 * - `functions.cjs`    `main` in package.json, loaded by Azure's Node worker, Core Tools and the embedded host: starts a scoring thread
 *                      and reads `app.cjs`. CommonJS, because the worker hands out `@azure/functions-core` by wrapping `require`.
 * - `app.cjs`          every trigger, and what each start of the app needs
 * - `scoring-thread.cjs` what one scoring worker thread runs (ONNX Runtime lives only there)
 * - `encrypted-scorer.cjs` what scores encrypted requests in a worker thread; read only for services that take them
 * - `encrypted-requests.cjs` how they and public keys are read; read only with the first of them
 * - `grpc.cjs`         the gRPC services; read only with the first call
 * - `docs/`            the interactive page of a service: Swagger UI and what we add, each file compressed once, here
 * - `key-vault.cjs`    Azure's SDK for Key Vault; read only when `KEY_VAULT_URL` is set
 * - `identity.cjs`     Azure's SDK for identities; read when there is a vault, or storage without a connection string
 * - `jobs.cjs`         batch jobs; read only when there is one, or when a minute has passed
 * - `jobs-thread.cjs`  what the thread runs that plans, scores and finishes them
 * - `remote-store.cjs` reads services from Blob storage; read only when SCORING_MODELS says so
 * - `storage.cjs`      Azure's clients for blobs and queues; read only when batch jobs are used
 * - `parquet-process.cjs` what reads a Parquet file for a batch job, in a process of its own
 * - `opentelemetry.cjs` OpenTelemetry's API and SDK; read only when an SDK is registered in the process, or a collector is set
 * - `host-storage.cjs` Azure's SDKs for storage, for the embedded host; read only when the app has triggers of queues or blobs
 * - `host-service-bus.cjs` Azure's SDK for Service Bus, for the embedded host; read only when the app has such a trigger
 * - `api.mjs`          what entry scripts import from 'scoring-functions' where no worker supplies it, such as in a unit test
 * - `types/`           the declarations of what the package exports
 * - `scoring.mjs`      the command `scoring`, and `cli-….mjs`, its parts: each command reads only what it runs
 * - `host-process.cjs` the embedded host, which `scoring start` restarts when it crashes
 * - `templates/`       the files of a new project, and those that `scoring infra` writes
 * - `hooks/`           what azd runs in a project that has those
 * - `testing.mjs`      `scoring-functions/testing`, which scores a service in a user's tests
 * - `client.mjs`       `scoring-functions/client`, which browsers can load as well
 * - `client-node.mjs`  workspaces, for which that needs Node.js; read only when one is opened. Bundlers for browsers take
 *                      `client-browser.mjs` instead, which says so
 * - `THIRD-PARTY-NOTICES.txt` licences of the packages that these files hold: whoever gets those gets these as well
 *
 * bundles `npm create scoring-functions` into `create/dist/`, and writes `models/service.schema.json`, which editors use to complete and check a `service.json`.
 */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress } from 'node:zlib'
import { type BuildOptions, build } from 'esbuild'
import { serviceJsonSchema } from './src/models/definition/json-schema.ts'
import { docsFileTypes } from './src/protocols/ops/docs-files.ts'

/**
 * Supplied at run time: functions-core by the host, the others from node_modules. They are native code, too big to bundle, or,
 * like @azure/functions, shared with the functions of the project: its settings (HTTP streaming) are those of one copy.
 */
const runTime = [
  '@azure/functions-core',
  '@azure/functions',
  '@azure/functions-extensions-base',
  'onnxruntime-node',
  'sharp',
  'azurite',
]

const options: BuildOptions = {
  bundle: true,
  platform: 'node',
  target: 'node22',
  format: 'cjs',
  minifySyntax: true,
  legalComments: 'none',
  // `npm run build -- --source-maps`: break points in src/ (.vscode/launch.json).
  sourcemap: process.argv.includes('--source-maps'),
  logLevel: 'warning',
  external: runTime,
  // A CommonJS bundle has no import.meta; files that look for their neighbours use its url.
  banner: { js: "const bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
  define: { 'import.meta.url': 'bundleUrl' },
  outdir: 'dist',
  outExtension: { '.js': '.cjs' },
}

/** Of the bundles that somebody's own Node.js loads first: Node.js 18 can parse them and says which one it takes. */
const loadedFirst: BuildOptions = {
  target: 'node18',
  banner: { js: `${await readFile('require-node.cjs', 'utf8')}${options.banner?.js}` },
}

// Packages that are CommonJS ask for Node's own modules in their way.
const requireInModule =
  "import { createRequire as requireFrom } from 'node:module';const require = requireFrom(import.meta.url);"

for (const folder of ['dist', 'create/dist']) await rm(folder, { recursive: true, force: true })
const swaggerUi = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
const docs = writeDocs() // takes seconds, in zlib's threads
const bundled = new Set<string>()
/** Of the package that is deployed: a fifth smaller, and functions keep their names in stack traces. Lines stay of a length to read. */
const deployed: BuildOptions = { minifyWhitespace: true, lineLimit: 160 }
/** The same for what few apps read: another tenth. */
const rarelyRead: BuildOptions = { minify: true, lineLimit: 160 }
const mitText = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`
await bundle({
  ...loadedFirst,
  ...deployed,
  entryPoints: { functions: 'functions/main.ts' },
})
await bundle({ ...deployed, entryPoints: { app: 'functions/app.ts' } })
await bundle({ ...deployed, entryPoints: { 'scoring-thread': 'src/compose/scoring-thread.ts' } })
await bundle({ ...deployed, entryPoints: { 'host-process': 'src/host/host-process.ts' } })
// Almost all of it is others' code, and less than half as long when minified.
await bundle({
  minify: true,
  entryPoints: { 'key-vault': 'src/adapters/azure/key-vault.ts', identity: 'src/adapters/azure/identity.ts' },
})
await bundle({
  ...rarelyRead,
  entryPoints: { jobs: 'src/compose/jobs-app.ts', 'jobs-thread': 'src/compose/jobs-thread.ts' },
})
await bundle({
  ...rarelyRead,
  entryPoints: {
    'encrypted-scorer': 'src/compose/encrypted-scorer.ts',
    'encrypted-requests': 'src/compose/encrypted-requests.ts',
  },
})
await bundle({ ...rarelyRead, entryPoints: { 'remote-store': 'src/compose/remote-store.ts' } })
await bundle({ ...rarelyRead, entryPoints: { grpc: 'src/compose/grpc-services.ts' } })
await bundle({
  minify: true,
  external: [...runTime, 'apache-arrow'], // a format of lists of blobs that we do not ask for
  entryPoints: { storage: 'src/adapters/azure/storage.ts', 'host-storage': 'src/host/host-storage.ts' },
})
await bundle({ minify: true, entryPoints: { 'host-service-bus': 'src/host/service-bus/azure-bus.ts' } })
await bundle({
  minify: true,
  entryPoints: { 'parquet-process': 'src/adapters/child-process/parquet-process.ts' },
  // Node.js has these codecs itself; the package does not say that a bundle may leave out what it does not use.
  plugins: [
    {
      name: 'unused codecs',
      setup: ({ onResolve }) => {
        onResolve({ filter: /^\.\/(?:brotli|compressors|gzip)\.js$/ }, ({ path, resolveDir }) => ({
          path: join(resolveDir, path),
          sideEffects: false,
        }))
      },
    },
  ],
})
await bundle({
  minify: true,
  mainFields: ['module', 'main'], // only what is used of OpenTelemetry's packages: a third of the bytes
  entryPoints: { opentelemetry: 'src/adapters/opentelemetry/open-telemetry.ts' },
})
// ECMAScript modules, so that what a command imports when it runs is a file of its own.
await bundle({
  format: 'esm',
  splitting: true,
  chunkNames: 'cli-[hash]',
  entryPoints: { scoring: 'src/cli/scoring.ts' },
  outExtension: { '.js': '.mjs' },
  define: {},
  banner: { js: requireInModule },
})
await bundle({
  format: 'esm',
  entryPoints: { api: 'src/scripts/api.ts', testing: 'src/testing/load-service.ts' },
  outExtension: { '.js': '.mjs' },
  inject: ['src/testing/real-timers.ts'],
  define: {},
  banner: { js: requireInModule },
})
await bundle({
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  entryPoints: { client: 'src/client/index.ts', 'client-browser': 'src/client/no-workspace.ts' },
  outExtension: { '.js': '.mjs' },
  define: {},
  banner: {},
  // By its name in package.json, so that a bundler for browsers does not meet Node.js.
  plugins: [
    {
      name: 'workspaces',
      setup: ({ onResolve }) => {
        const external = { path: 'scoring-functions/client/node', external: true }
        onResolve({ filter: /\/workspace\/open-workspace\.ts$/ }, () => external)
      },
    },
  ],
})
await bundle({
  format: 'esm',
  splitting: true,
  chunkNames: 'client-[hash]',
  entryPoints: { 'client-node': 'src/workspace/open-workspace.ts' },
  outExtension: { '.js': '.mjs' },
  define: {},
  banner: { js: requireInModule },
})
// A package of its own, which holds the code of one command.
await bundle({
  format: 'esm',
  entryPoints: { create: 'create/create.ts' },
  outdir: 'create/dist',
  outExtension: { '.js': '.mjs' },
  define: {},
  banner: { js: requireInModule },
})
for (const folder of ['dist', 'create/dist']) await cp('templates', join(folder, 'templates'), { recursive: true })
// Where the app is built on a server of Azure, only what it runs is there (.funcignore).
if (existsSync('infra')) {
  await bundle({
    format: 'esm',
    entryPoints: ['infra/hooks/create-keys.ts', 'infra/hooks/subscribe-events.ts'],
    outdir: 'dist/hooks',
    outExtension: { '.js': '.mjs' },
    define: {},
    banner: { js: requireInModule },
  })
  await writeInfraTemplate('dist/templates/azure')
}
await declareTypes(['src/scripts/api.ts', 'src/testing/load-service.ts', 'src/client/index.ts'])
await writeFile('models/service.schema.json', serviceJsonSchema())
await copyFile('models/service.schema.json', 'dist/service.schema.json')

await docs
await writeFile('dist/THIRD-PARTY-NOTICES.txt', await noticesOf([...bundled, swaggerUi], await noticesOfSchemas()))
await writeFile('create/dist/THIRD-PARTY-NOTICES.txt', await noticesOf(['node_modules/commander']))

async function bundle(more: BuildOptions): Promise<void> {
  const { metafile } = await build({ ...options, ...more, metafile: true })
  const inputs = Object.values(metafile.outputs).flatMap(output => Object.entries(output.inputs))
  for (const [input, { bytesInOutput }] of inputs) {
    if (bytesInOutput === 0) continue
    const [folder] = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input) ?? []
    if (folder !== undefined) bundled.add(folder)
  }
}

/** Compresses what the interactive page loads, and copies what whoever gets that gets as well (Apache License 2.0, section 4). */
async function writeDocs(): Promise<void> {
  const compress = promisify(brotliCompress) // at its default, which is its best
  await mkdir('dist/docs', { recursive: true })
  const compressed = Object.keys(docsFileTypes).map(async name => {
    const content = await readFile(join(name.startsWith('page.') ? 'src/docs-page' : swaggerUi, name))
    await writeFile(`dist/docs/${name}.br`, await compress(content))
  })
  const copied = ['LICENSE', 'NOTICE'].map(name => copyFile(join(swaggerUi, name), `dist/docs/swagger-ui.${name}.txt`))
  await Promise.all([...compressed, ...copied])
}

/** Copies what `azd up` needs in a project: `infra/main.bicep` with the files that it names, directly or not, and azd's own. */
async function writeInfraTemplate(folder: string): Promise<void> {
  const files = new Set(['infra/main.bicep', 'infra/main.parameters.json'])
  for (const file of files) {
    const text = await readFile(file, 'utf8')
    for (const [, path = ''] of text.matchAll(/'([\w./-]+\.(?:bicep|json|kql))'/g)) files.add(join(dirname(file), path))
  }
  const write = async (path: string, text: string) => {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  for (const file of files) await write(file, await readFile(file, 'utf8'))
  const workflow = await readFile('.github/workflows/deploy.yml', 'utf8')
  await write('_github/workflows/deploy.yml', workflow)
  const azureYaml = (await readFile('azure.yaml', 'utf8'))
    .replace(/ Azure Container Apps are in .*$/m, '')
    .replaceAll(/node infra\/hooks\/([\w-]+)\.ts/g, 'node node_modules/scoring-functions/dist/hooks/$1.mjs')
  await write('azure.yaml', azureYaml)
}

/** Writes the declarations of entry points, and of the files that those mention, to `dist/types/`. */
async function declareTypes(entryPoints: readonly string[]): Promise<void> {
  const project = 'dist/tsconfig.types.json'
  const compilerOptions = {
    ...{ noEmit: false, declaration: true, emitDeclarationOnly: true },
    ...{ rootDir: '../src', outDir: 'all-types' },
  }
  const files = entryPoints.map(file => `../${file}`)
  await writeFile(project, JSON.stringify({ extends: '../tsconfig.json', compilerOptions, files, include: [] }))
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '--project', project], { stdio: 'inherit' })
  const mentioned = new Set(entryPoints.map(file => relative('src', file)))
  for (const file of mentioned) {
    const declaration = file.replace(/\.ts$/, '.d.ts')
    // The compiler leaves ".ts" in imports of declarations; ".js" is what every resolver takes for the ".d.ts" beside it.
    const text = (await readFile(join('dist/all-types', declaration), 'utf8')).replace(
      /(from |import\()(["'])(\.[^"']*)\.ts\2/g,
      (_import, keyword: string, quote: string, path: string) => {
        mentioned.add(join(dirname(file), `${path}.ts`))
        return `${keyword}${quote}${path}.js${quote}`
      },
    )
    await mkdir(dirname(join('dist/types', declaration)), { recursive: true })
    await writeFile(join('dist/types', declaration), text)
  }
  await rm('dist/all-types', { recursive: true })
  await rm(project)
}

/** Licences and notices of packages, each once, by name. A few packages name the MIT licence and leave out its text. */
async function noticesOf(folders: Iterable<string>, more: Iterable<[string, string]> = []): Promise<string> {
  const notices = new Map<string, string>(more)
  for (const folder of folders) {
    const { name, version, license, author } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
    const files = (await readdir(folder))
      .filter(file => /^(licen[cs]e|notice|thirdpartynotice|copying)/i.test(file))
      .sort()
    const texts = await Promise.all(files.map(file => readFile(join(folder, file), 'utf8')))
    if (texts.length === 0) {
      if (license !== 'MIT') throw new Error(`${name} is bundled and comes without the text of its licence, ${license}`)
      texts.push(`MIT License\n\nCopyright (c) ${author?.name ?? author ?? `the authors of ${name}`}\n\n${mitText}`)
    }
    notices.set(`${name} ${version}`, texts.map(text => text.trim()).join('\n\n'))
  }
  const title = ([name, text]: readonly [string, string]) =>
    `${'='.repeat(80)}\n${name}\n${'='.repeat(80)}\n\n${text}\n`
  return [...notices]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(title)
    .join('\n')
}

/** Licences of the schemas that gRPC's reflection hands out: they are data of others in files of ours, which name them. */
async function noticesOfSchemas(): Promise<[string, string][]> {
  const comment = await readFile('src/protocols/open-inference/schemas.ts', 'utf8')
  const [, owner, bsd] = /^ \* Of (.*?), (Copyright .*?)\n \*\/$/ms.exec(comment) as unknown as [string, string, string]
  const apache = await readFile(join(swaggerUi, 'LICENSE'), 'utf8')
  return [
    [`schemas of ${owner}`, bsd.replace(/^ \* ?/gm, '')],
    [
      'schemas of TensorFlow 1.15.5 and TensorFlow Serving 1.15.0',
      `Copyright The TensorFlow Authors and Google Inc.\n\n${apache.trim()}`,
    ],
  ]
}
