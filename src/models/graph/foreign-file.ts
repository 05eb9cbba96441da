/** Recognizes files that are called .onnx and are something else. */

/** Enough characters of a text file to tell its kind. */
const headLength = 512

/**
 * Tells by its first bytes what a file is that is no ONNX file.
 *
 * @returns the rest of a sentence that begins with the file, with what to do; undefined: nothing speaks against ONNX
 */
export function foreignFile(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return 'is empty: copy it again'
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, headLength)).toString('latin1')
  if (head.startsWith('version https://git-lfs.github.com/spec/'))
    return 'is a Git LFS pointer, not the model itself: run "git lfs pull" before you deploy'
  const text = head.replace(/^\u00ef\u00bb\u00bf/, '').trimStart()
  if (/^<(!doctype html|html|head|body|\?xml|!--)/i.test(text))
    return 'is a web page, not a model: a download that needs a login gives such'
  if (/^\{\s*"/.test(text)) return 'is JSON text, not an ONNX model'
  return binaryKinds.find(([mark]) => head.startsWith(mark))?.[1]
}

/** A model's first byte is that of a small field number (onnx.proto), so none begins like these. */
const binaryKinds: readonly (readonly [mark: string, what: string])[] = [
  ['PK\x03\x04', 'is a ZIP archive (a PyTorch file, say), not an ONNX model: unpack it, or export the model to ONNX'],
  ['\x1f\x8b', 'is compressed with gzip: unpack it'],
  ['\x89HDF', 'is an HDF5 file (Keras), not an ONNX model: export the model to ONNX'],
  ['\x80\x02', 'is a Python pickle, not an ONNX model: export the model to ONNX'],
  ['\x80\x03', 'is a Python pickle, not an ONNX model: export the model to ONNX'],
  ['\x80\x04', 'is a Python pickle, not an ONNX model: export the model to ONNX'],
  ['\x80\x05', 'is a Python pickle, not an ONNX model: export the model to ONNX'],
]
