#!/usr/bin/env bash
# Installs what is missing of a real Apache Kafka ("kafka": Java, Maven and the jars) and of a browser
# ("browser": Chromium); without an argument both. What is there already is left as it is.
set -euo pipefail
cd "$(dirname "$0")/../.."

JARS=.cache/kafka-libs

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# Installs a Debian package unless the program it brings is there.
need() {
    local program=$1 package=$2
    command -v "$program" >/dev/null && return
    command -v apt-get >/dev/null || { echo "$program is missing: please install it" >&2; exit 1; }
    echo "Installing $package"
    as_root apt-get -qq update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$package" >/dev/null
}

kafka() {
    # Who names a JAVA_HOME has a Java.
    [ -n "${JAVA_HOME:-}" ] || need java default-jre-headless
    [ "$JARS/.complete" -nt deploy/kafka/pom.xml ] && return
    need mvn maven
    echo "Fetching Apache Kafka"
    rm -rf "$JARS"
    mvn --quiet --batch-mode -Dstyle.color=never --strict-checksums --file deploy/kafka/pom.xml \
        dependency:copy-dependencies -DoutputDirectory="$PWD/$JARS"
    touch "$JARS/.complete"
}

browser() {
    need chromium chromium
}

for part in "${@:-kafka browser}"; do
    for name in $part; do "$name"; done
done
