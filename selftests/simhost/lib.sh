# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Sourced by the scripts of the simulated host: messages, the cache, the tools.
#
# Everything downloaded or built once lives below $CACHE; what belongs to this clone of the
# project lives below $TOP/build. Messages go to stderr, results to stdout.

SIMHOST=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$SIMHOST/../.." && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/lodge

say()
{
	echo "simhost: $*" >&2
}

# Every failure to set the simulated host up ends with this status.
die()
{
	say "$*"
	exit 97
}

# scratch: a fresh directory in the cache, gone when this shell ends; sets SCRATCH.
scratch()
{
	mkdir -p "$CACHE"
	SCRATCH=$(mktemp -d "$CACHE/tmp.XXXXXX")
	SCRATCHES+=("$SCRATCH")
	trap 'rm -rf "${SCRATCHES[@]}"' EXIT
}
SCRATCHES=()

# need COMMAND...: the commands this machine must have.
need()
{
	local c

	for c; do
		command -v "$c" > /dev/null ||
			die "'$c' is missing; selftests/simhost/deps --install brings it"
	done
}

# locked NAME COMMAND...: one at a time, whoever else uses the same cache. The lock belongs to
# the subshell alone: what COMMAND leaves running does not hold it.
locked()
{
	local lock=$CACHE/lock.$1

	shift
	mkdir -p "$CACHE"
	(
		flock -n 9 || { say "waiting for another run ($lock)"; flock 9; }
		"$@" 9>&-
	) 9> "$lock"
}

# tools: the small C programs, compiled when their source has changed; sets TOOLS.
tools()
{
	TOOLS=$TOP/build/simhost
	need make gcc
	mkdir -p "$TOOLS"
	(
		flock 9
		make -s -C "$SIMHOST" OUT="$TOOLS" 9>&- >&2
	) 9> "$TOOLS/lock" || die "the tools in selftests/simhost do not build"
}
