#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
#
# Certifies a data set in shards, goes on where an earlier run ended, merges the shards and writes a report.
#
#     examples/batch.sh                             the digits of this repository
#     examples/batch.sh NET INPUTS LABELS FOLDER    other samples, results in FOLDER
#
# From the environment: CLARKE, the program [clarke]; SHARDS, how many [3]; ASK, what is asked of every sample
# [--radius --time 200ms]. The same call again goes on with what is there; other questions need another FOLDER.

set -euo pipefail

clarke=${CLARKE:-clarke}
shards=${SHARDS:-3}
read -ra ask <<<"${ASK:---radius --time 200ms}"

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
net=${1:-$root/tests/data/digits.onnx}
inputs=${2:-$root/tests/data/digits.npy}
labels=${3:-$root/tests/data/digits_labels.npy}
folder=${4:-$root/target/batch}

mkdir -p "$folder"
unfinished=0
parts=()
for ((i = 1; i <= shards; i++)); do
    part=$folder/shard-$i-of-$shards.jsonl
    parts+=("$part")
    echo "shard $i of $shards"
    code=0
    "$clarke" certify "$net" --inputs "$inputs" --labels "$labels" "${ask[@]}" \
        --shard "$i/$shards" --out "$part" || code=$?
    case $code in
        0) ;;
        1 | 5) unfinished=1 ;; # some rows failed, or --total-time ended before their turn
        *) exit "$code" ;;
    esac
done

if ((unfinished)); then
    echo "some rows are missing or failed: the same call goes on with them" >&2
    exit 5
fi

"$clarke" merge "${parts[@]}" --out "$folder/all.jsonl"
"$clarke" report "$folder/all.jsonl" --out "$folder/report.html"
echo "rows in $folder/all.jsonl, report in $folder/report.html"
