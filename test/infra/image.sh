#!/usr/bin/env bash
# Builds the image of infra/container/Dockerfile and scores with it, on a Debian machine without Docker and without a registry of
# images: base images of the same names are made from Debian's packages and this machine's Node.js first.
#
#   test/infra/image.sh cpu          # about 5 minutes, 3 GB
#   test/infra/image.sh cuda         # about 15 minutes, 20 GB; ends at the first call of CUDA where there is no GPU
#
# As root, after: apt-get install --no-install-recommends buildah mmdebstrap crun
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${1:?cpu or cuda}
work=${IMAGE_WORK:-/var/tmp/scoring-image}
node=$(readlink -f "$(node -p process.execPath)")
mkdir -p "$work"

images() { buildah --storage-driver vfs --root "$work/store" --runroot "$work/run" "$@"; }

# base <name> <packages> <with npm?>
base() {
  local name=$1 packages=$2 folder=$work/$(echo "$1" | tr -c 'a-z0-9\n' -)
  images inspect --type image "docker.io/library/$name" >/dev/null 2>&1 && return
  mkdir -p "$folder"
  mmdebstrap --quiet --variant=minbase --include="$packages" bookworm "$folder/base.tar"
  cp "$node" "$folder/node"
  cp /etc/ssl/certs/ca-certificates.crt "$folder/" # those that this machine trusts
  cp -rL "$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")" "$folder/npm"
  cat >"$folder/Dockerfile" <<'BASE'
FROM scratch
ADD base.tar /
COPY node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt PIP_CERT=/etc/ssl/certs/ca-certificates.crt
BASE
  images bud --quiet --isolation chroot --tag "docker.io/library/$name" "$folder"
  rm -r "$folder"
}

base node:24-bookworm-slim ca-certificates,libstdc++6
base node:24-bookworm ca-certificates,libstdc++6,python3
if [ "$target" = cuda ]; then base python:3.13-slim-bookworm ca-certificates,python3,python3-pip; fi

images bud --isolation chroot --pull-never --target "$target" --tag "scoring-functions:$target" \
  --file infra/container/Dockerfile .
images images

# Keys of its own, as in Development: the vault that Production asks for is not here.
container=$(images from --pull-never "scoring-functions:$target")
root=$(images mount "$container")
# With this isolation the container's processes are this machine's.
trap 'kill "$(cat "$root/tmp/pid" 2>/dev/null)" 2>/dev/null || true; wait; images rm "$container" >/dev/null || true' EXIT
port=${IMAGE_PORT:-18080}
images run --isolation chroot --user 10001:10001 --env AZURE_FUNCTIONS_ENVIRONMENT=Production "$container" -- \
  node dist/scoring.mjs start --port "$port" && { echo "started without a vault" >&2; exit 1; }
echo "Without a vault it does not start, as it should."
images run --isolation chroot --user 10001:10001 --env AZURE_FUNCTIONS_ENVIRONMENT=Development "$container" -- \
  sh -c "echo \$\$ >/tmp/pid && cp -r /app /tmp/app && cd /tmp/app && exec node dist/scoring.mjs start --port $port" &
server=$!
for _ in $(seq 120); do
  curl --silent --fail "http://127.0.0.1:$port/health/ready" >/dev/null && break
  kill -0 "$server" || exit 1
  sleep 1
done
key=$(node -p 'JSON.parse(fs.readFileSync(process.argv[1])).diabetes.primary' "$root/tmp/app/.local/keys.json")
echo "health: $(curl --silent --fail "http://127.0.0.1:$port/health/ready")"
echo "score:  $(curl --silent --fail --header "Authorization: Bearer $key" --header 'Content-Type: application/json' \
  --data @models/diabetes/sample.json "http://127.0.0.1:$port/api/v1/service/diabetes/score")"

if [ "$target" = cuda ]; then
  # Without a GPU the provider ends at its first call of the driver: by then all libraries are loaded.
  cc -shared -fPIC -w -Wl,-soname,libcuda.so.1 -o "$root/tmp/libcuda.so.1" test/infra/stub-driver.c
  images run --isolation chroot --user 10001:10001 --env LD_LIBRARY_PATH=/tmp "$container" -- node --eval '
    const { InferenceSession } = require("onnxruntime-node")
    InferenceSession.create("models/diabetes/1/model.onnx", { executionProviders: ["cuda"] }).catch(() => {})' 2>&1 |
    grep 'stub driver: cuInit'
fi
