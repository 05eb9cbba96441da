#!/bin/sh
# Submits a batch job, waits for it and prints how it ended: sh job.sh <URL of the service's jobs> <key> <job as JSON>
set -e
host=$(echo "$1" | sed 's|\(https*://[^/]*\).*|\1|')

location=$(curl --silent --show-error --fail-with-body --noproxy localhost,127.0.0.1 \
    --header "Authorization: Bearer $2" --header 'Content-Type: application/json' \
    --data "$3" --dump-header - --output /dev/null "$1" | sed -n 's/^location: *\([^[:space:]]*\).*/\1/ip')

while :; do
    job=$(curl --silent --show-error --fail-with-body --noproxy localhost,127.0.0.1 \
        --header "Authorization: Bearer $2" "$host$location")
    case $job in
    *'"status": "Completed"'* | *'"status": "Failed"'* | *'"status": "Canceled"'*) break ;;
    esac
    sleep 0.2
done
echo "$job"
