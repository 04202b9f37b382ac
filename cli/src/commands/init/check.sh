#!/usr/bin/env bash
# What every change of a contract must pass: no problems (exit 3), and nobody broken without a new major version (exit 5).
set -euo pipefail
cd "$(dirname "$0")/.."
meshweave check contracts
meshweave plan contracts --as "ci@{{team}}"
