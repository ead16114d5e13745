# SPDX-License-Identifier: Apache-2.0
#
# To be sourced: a port of 127.0.0.1 that nobody has.

# Below the range from which the kernel gives ports to connections.
free_port() {
    while :; do
        port=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))
        hex=$(printf '%04X' "$port")
        grep -q "^ *[0-9]*: [0-9A-F]*:$hex " /proc/net/tcp /proc/net/tcp6 2>/dev/null || break
    done
    echo "$port"
}
