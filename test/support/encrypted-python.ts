import { pythonWith } from './python.ts'

/** A Python with the package encrypted-inference and the clients of Azure Storage, or why there is none. */
export const encryptedPython =
  process.platform === 'linux' && process.arch === 'x64'
    ? await pythonWith('test/clients/python/encrypted-requirements.txt')
    : { missing: 'encrypted-inference 0.9 has native code for Linux on x64 and for Windows only' }
