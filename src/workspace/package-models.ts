/** Packages models with an app: a service is put together in a folder of its own, which the package has in place of the project's. */
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { FolderRepositoryFiles } from '../adapters/local/folder-repository-files.ts'
import { deployConfiguration } from '../client/deployment-configuration.ts'
import type { PackageFile, PackageRequest } from '../client/model-package.ts'
import { WorkspaceError } from '../client/workspace-error.ts'
import { ModelRegistry } from '../models/repository/model-registry.ts'
import { makePackage } from '../packaging/make-package.ts'
import { linux } from '../packaging/target.ts'
import { Services } from './services.ts'

/** The keys of a service in a package come from the vault of the app that runs it. */
const noKeys = { ensure: async () => {} }

/**
 * @param source  where the models are
 * @param root  the project whose app is packaged
 * @returns `out/<name>.zip` of the project
 * @throws WorkspaceError, StartupError when the service is wrong, or the project cannot be packaged
 */
export async function packageModels(
  source: ModelRegistry,
  root: string,
  { models, inferenceConfig, imageName, generateDockerfile = false, arch = 'x64', report }: PackageRequest,
): Promise<PackageFile> {
  const name = imageName ?? models[0]?.name
  if (name === undefined) throw new WorkspaceError('imageName: name the service, which has no model to be called after')
  const modelsDir = await mkdtemp(join(tmpdir(), 'scoring-services-'))
  try {
    const files = new FolderRepositoryFiles(modelsDir)
    const services = new Services(files, new ModelRegistry({ files, now: () => new Date() }), noKeys, source)
    await services.deploy({
      name,
      models,
      inferenceConfig,
      configuration: deployConfiguration('flex'),
      overwrite: false,
    })
    report(`${name}: ${models.map(({ id }) => id).join(', ') || 'no model'}`)
    const file = join(root, 'out', `${name}.zip`)
    const made = await makePackage({ project: { root, modelsDir }, file, target: linux(arch), images: undefined })
    const megabytes = (made.bytes / 1_000_000).toFixed(2)
    report(`${file}: ${megabytes} MB for linux-${arch}, ${made.images ? 'with' : 'without'} images`)
    report(`SHA-256 ${made.sha256}`)
    return { location: file, save: folder => savePackage(file, folder, generateDockerfile) }
  } finally {
    await rm(modelsDir, { recursive: true, force: true })
  }
}

async function savePackage(file: string, folder: string, hasDockerfile: boolean): Promise<void> {
  await mkdir(resolve(folder), { recursive: true })
  await copyFile(file, join(folder, basename(file)))
  if (hasDockerfile) await writeFile(join(folder, 'Dockerfile'), dockerfile(basename(file)))
}

/** As the stage `functions` of infra/container/Dockerfile: Azure's own host with the files of the package. */
const dockerfile = (
  file: string,
): string => `# docker build --tag scoring . && docker run --publish 8080:80 --env KEY_VAULT_URL=… scoring
FROM docker.io/library/node:24-bookworm AS package
COPY ${file} /
RUN python3 -m zipfile --extract /${file} /package

FROM mcr.microsoft.com/azure-functions/node:4-node24
ENV AzureWebJobsScriptRoot=/home/site/wwwroot \\
  AzureFunctionsJobHost__Logging__Console__IsEnabled=true \\
  ORT_DISABLE_TELEMETRY=1
COPY --from=package /package/ /home/site/wwwroot/
`
