#!/bin/bash
# Runs the pipelines on runners other than Prism, Dataflow's as a dry run. The Java ones come from Maven
# Central.
#
# Usage: runners/run.sh flink|spark|dataflow [ARGUMENTS OF go test]
#   RUNNERS_DIR   where the jars are kept (build/runners)
set -euo pipefail
cd "$(dirname "$0")/.."

runner=${1:?flink, spark or dataflow}
shift
dir=${RUNNERS_DIR:-build/runners}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

# A jar that is not what it was when the sums were taken stops the run.
fetch() {
  local jars=$dir/$1
  check() { (cd "$jars" && sha256sum --check --strict --quiet "$OLDPWD/runners/$1/jars.sha256"); }
  if [[ -d $jars ]] && check "$1" 2>/dev/null; then return; fi
  echo "==> Fetching the jars of $1 from Maven Central"
  rm -rf "$jars"
  mvn --batch-mode --quiet --file "runners/$1/pom.xml" dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$jars"
  check "$1"
}
case $runner in
  flink | spark) fetch "$runner" ;;
esac
# What starts workers outside of the program, from the release of Beam that it is built with.
CGO_ENABLED=0 go build -o "$dir/boot" github.com/apache/beam/sdks/v2/go/container

# What the run leaves behind goes with it: its processes, their temporary files, and the copies of the
# program that boot makes in /tmp whatever TMPDIR says.
scratch=$(mktemp -d)
started=$(date +%s)
clean() {
  [[ -z $tests ]] || kill -KILL -- "-$tests" 2>/dev/null || true
  rm -rf "$scratch"
  local copy
  for copy in /tmp/bin*/worker /tmp/staged/*; do
    if [[ $(stat -c %Y "$copy" 2>/dev/null || echo 0) -ge $started ]] && cmp -s "$copy" bin/arrayrecord-beam; then
      rm "$copy"
      rmdir --ignore-fail-on-non-empty "${copy%/*}"
    fi
  done
}
tests=
trap clean EXIT
export TMPDIR=$scratch JDK_JAVA_OPTIONS="-Djava.io.tmpdir=$scratch -XX:-UsePerfData" BOOT=$dir/boot
set -m
ARRAYRECORD_RUNNERS_DIR=$dir ARRAYRECORD_RUNNERS_PROGRAM=$PWD/bin/arrayrecord-beam \
  go test -count=1 -timeout 30m -tags runners -run "(?i)^test$runner" "$@" ./runners &
tests=$!
wait $tests
