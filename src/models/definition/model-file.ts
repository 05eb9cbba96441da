import * as z from 'zod'

export const relativePath = z
  .string()
  .min(1)
  .refine(path => !/^([a-zA-Z]:|[\\/])|(^|[\\/])\.\.([\\/]|$)/.test(path), 'must stay inside the service folder')

/** One ONNX file of a service. */
export const ModelFile = z.strictObject({
  path: relativePath.describe('the .onnx file, relative to service.json'),
  sha256: z
    .string()
    .regex(/^[0-9a-fA-F]{64}$/, 'must be 64 hexadecimal digits')
    .optional()
    .describe('SHA-256 of the file, checked before it is loaded'),
})

export const modelName = z
  .string()
  .regex(/^[A-Za-z0-9][-\w.]{0,254}$/, 'must be a model name: letters, digits, "-", "_", "."')
