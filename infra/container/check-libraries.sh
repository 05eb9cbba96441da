#!/bin/sh
# Fails when a shared library in these folders needs another one that is not there. usage: check-libraries.sh <folder> …
set -eu

# Only machines with a GPU have the driver.
missing=$(find "$@" -name '*.so*' -type f -exec ldd {} + | grep 'not found' | grep --invert-match 'libcuda\.so\.1' | sort -u || true)
if [ -n "$missing" ]; then
  echo "These libraries are missing from the image:" >&2
  echo "$missing" >&2
  exit 1
fi
# ONNX Runtime and cuDNN open these by name while they run, so no library is linked to them.
for name in libcudnn.so libcudnn_graph.so.9 libcudnn_ops.so.9 libcudnn_engines_precompiled.so.9 libnvrtc.so.13; do
  if ! ldconfig -p | grep --quiet "[[:space:]]$name "; then
    echo "The loader does not find $name: is it in the image, and has ldconfig run?" >&2
    exit 1
  fi
done
