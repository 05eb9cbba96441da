import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Debian's package chromium brings a Vulkan device in software, and the loader that finds it. */
const folders = [
  '/usr/lib/chromium',
  '/usr/lib/chromium-browser',
  '/opt/google/chrome',
  dirname(process.env.CHROMIUM_PATH ?? ''),
]
const parts = ['libvk_swiftshader.so', 'vk_swiftshader_icd.json', 'libvulkan.so.1']
const folder = folders.find(each => parts.every(part => existsSync(join(each, part))))

/** What a process that shall find SwiftShader as its GPU is started with; undefined: it is not installed. */
export const swiftShader: Record<string, string> | undefined =
  folder === undefined
    ? undefined
    : {
        VK_ICD_FILENAMES: join(folder, 'vk_swiftshader_icd.json'),
        VK_DRIVER_FILES: join(folder, 'vk_swiftshader_icd.json'),
        LD_LIBRARY_PATH: folder,
      }

/** Why tests that need it cannot run, or false. */
export const withoutSwiftShader =
  swiftShader === undefined && 'SwiftShader, a part of the package chromium, is not installed'
