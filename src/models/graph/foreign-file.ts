/** Recognises files that are named .onnx but have another format. */

/** Bytes from which the kind of a file is recognised. */
const headLength = 512

/**
 * Recognises other formats by their first bytes.
 *
 * @returns the rest of a sentence that begins with the file, including what to do; undefined for a possible ONNX file
 */
export function foreignFile(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return 'is empty: copy it again'
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, headLength)).toString('latin1')
  if (head.startsWith('version https://git-lfs.github.com/spec/'))
    return 'is a Git LFS pointer, not the model itself: run "git lfs pull" before you deploy'
  const text = head.replace(/^\u00ef\u00bb\u00bf/, '').trimStart()
  if (/^<(!doctype html|html|head|body|\?xml|!--)/i.test(text))
    return 'is a web page, not a model: the download may have needed a login'
  if (/^\{\s*"/.test(text)) return 'is JSON text, not an ONNX model'
  return binaryKinds.find(([mark]) => head.startsWith(mark))?.[1]
}

/** Signatures of other formats. A model begins with a small field number (onnx.proto), so none begins like these. */
const binaryKinds: readonly (readonly [mark: string, what: string])[] = [
  ['PK\x03\x04', 'is a ZIP archive (a PyTorch file, say), not an ONNX model: unpack it, or export the model to ONNX'],
  ['\x1f\x8b', 'is compressed with gzip: unpack it'],
  ['\x89HDF', 'is an HDF5 file (Keras), not an ONNX model: export the model to ONNX'],
  ['\x80\x02', 'is a Python pickle, not an ONNX model: export the model to ONNX'],
  ['\x80\x03', 'is a Python pickle, not an ONNX model: export the model to ONNX'],
  ['\x80\x04', 'is a Python pickle, not an ONNX model: export the model to ONNX'],
  ['\x80\x05', 'is a Python pickle, not an ONNX model: export the model to ONNX'],
]
