#!/bin/bash
# A conversion on a Slurm allocation, one Ray node on each machine:
#   sbatch deploy/slurm.sh films/ -o out/ --pair summer2winter
# Stopped or out of time, the same command goes on where it was. The environment that vidgan is
# installed in must be active, and on all machines. Films are read by the first machine alone.
#SBATCH --job-name=vidgan
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --gpus-per-task=1
#SBATCH --time=12:00:00
#SBATCH --signal=B:TERM@120

set -euo pipefail

folder=/tmp/ray-$SLURM_JOB_ID  # of this job alone: machines may be shared; sockets want it short
export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK  # which srun does not take over by itself
port=$((10000 + SLURM_JOB_ID % 5000 * 4))  # and three above it: of 5,000 jobs, each has others
# Where this agent's port has a number, Ray's other parts do not wait, for 15 s, to be told it.
ports=(--runtime-env-agent-port=$((port + 1))
    --min-worker-port=0 --max-worker-port=0)  # 0: any that are free

# Whoever shares the machines must not be able to use this cluster: a token that only we can read,
# where all machines see it. Names of environment variables show up in job listings, files do not.
export RAY_AUTH_MODE=token
export RAY_AUTH_TOKEN_PATH="${SLURM_SUBMIT_DIR:?}/.ray-token-$SLURM_JOB_ID"
(umask 077 && python -c 'import secrets; print(secrets.token_hex(32), end="")' \
    > "$RAY_AUTH_TOKEN_PATH")

stop() {
    trap - EXIT TERM INT
    # The driver first, so that it can say how to go on; then the nodes.
    [ -n "${driver:-}" ] && kill -TERM "$driver" 2>/dev/null && wait "$driver" || true
    # shellcheck disable=SC2046 # a list of numbers
    kill -TERM $(jobs -p) 2>/dev/null || true
    wait || true
    srun --ntasks="$SLURM_JOB_NUM_NODES" rm -rf "$folder" || true
    rm -f "$RAY_AUTH_TOKEN_PATH"
}
trap stop EXIT
trap 'stop; exit 143' TERM INT

nodes=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
first=${nodes%%$'\n'*}
# The address that Ray will take; what `hostname` says may be a loopback one.
address=$(srun --nodes=1 --ntasks=1 --nodelist="$first" \
    python -c 'import ray.util; print(ray.util.get_node_ip_address())')

# --block: srun ends these with the job. The dashboard stays on loopback.
srun --nodes=1 --ntasks=1 --nodelist="$first" ray start --head --block "${ports[@]}" \
    --port="$port" --ray-client-server-port=$((port + 2)) --temp-dir="$folder" \
    --dashboard-host=127.0.0.1 --dashboard-port=$((port + 3)) --num-cpus="$SLURM_CPUS_PER_TASK" &

export RAY_ADDRESS="$address:$port"
tries=0
until ray status > /dev/null 2>&1; do
    [ $((tries += 1)) -le 60 ] || { echo "Ray did not start on $first" >&2; exit 1; }
    sleep 2
done

if [ "$SLURM_JOB_NUM_NODES" -gt 1 ]; then
    srun --nodes=$((SLURM_JOB_NUM_NODES - 1)) --ntasks=$((SLURM_JOB_NUM_NODES - 1)) \
        --exclude="$first" ray start --block "${ports[@]}" --address="$RAY_ADDRESS" \
        --num-cpus="$SLURM_CPUS_PER_TASK" &
fi

vidgan convert "$@" --wait 300 &
driver=$!
wait "$driver"
