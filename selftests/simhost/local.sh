# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Sourced by run: HOST=local, the same command on this machine itself, for those who have VT-x.

# as_root COMMAND...
as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo -- "$@"
	fi
}

# Options that only a simulated machine can follow.
warn_ignored()
{
	local ignored=''

	[ "$KERNEL" = 6.1 ] || ignored+=' --kernel'
	[ "$CPU" = skylake_x ] || ignored+=' --cpu'
	[ "$CPUS" = 1 ] || ignored+=' --cpus'
	[ "$MEM" = 1G ] || ignored+=' --mem'
	[ ! "$DISK" ] || ignored+=' --disk'
	[ ! "$APPEND" ] || ignored+=' --append'
	[ "${#COPY[@]}" = 0 ] || ignored+=' --copy'
	[ ! "$VERBOSE$KEEP$IS_SHELL" ] || ignored+=' --verbose/--keep/--shell'
	[ ! "$ignored" ] || say "ignored on the machine itself:$ignored"
}

confirm()
{
	local answer

	[ ! "$YES${SIMHOST_YES:-}" ] || return 0
	[ -t 0 ] || die "HOST=local loads lodge.ko into this machine's kernel: say --yes to that"
	read -r -p "simhost: load lodge.ko into the kernel of $(uname -n) ($(uname -r))? [y/N] " answer
	[[ $answer =~ ^[yY] ]] || die "not loaded"
}

load_local()
{
	local m module params=()

	for m in msr "${LOAD[@]}"; do
		as_root modprobe "$m" 2> /dev/null || [ "$m" = msr ] || die "cannot load $m"
	done
	[ "$KVM" != load ] || as_root modprobe kvm_intel || die "cannot load kvm_intel"
	[ "$INSMOD" ] || return 0
	if [ -d /sys/module/lodge ]; then
		say "lodge is loaded already; it is used as it is"
		INSMOD=''
		return 0
	fi
	module=$("$SIMHOST/module" local $DEBUG) || exit 97
	confirm
	read -r -a params <<< "$INSMOD_ARGS"
	as_root insmod "$module" "${params[@]}" || die "lodge.ko does not load; see dmesg"
}

# The taint bits that tell of a fault: B, D, W, L.
tainted()
{
	echo $(($(cat /proc/sys/kernel/tainted) & 0x42a0))
}

run_local()
{
	local before status=0 f dest

	warn_ignored
	before=$(tainted)
	load_local
	# What is /selftests/NAME and /usr/bin/vmctl in the simulated host is in build/ here.
	COMMAND=("${COMMAND[@]/#\/selftests\//$TOP/build/selftests/}")
	[ "${#COMMAND[@]}" -gt 1 ] || COMMAND=(sh -c "${COMMAND[0]}")
	PATH=$TOP/build:$PATH timeout "$TIMEOUT" "${COMMAND[@]}" || status=$?
	for f in "${GET[@]}"; do
		dest=${f#*:}
		[ "$dest" != "$f" ] || dest=$(basename "$f")
		[ "${f%%:*}" -ef "$dest" ] || cp "${f%%:*}" "$dest" || status=97
	done
	[ ! "$INSMOD" ] || as_root rmmod lodge || say "lodge is still loaded"
	if [ "$(tainted)" != "$before" ]; then
		say "the kernel warned or died meanwhile; see dmesg"
		[ "$status" != 0 ] || status=99
	fi
	exit "$status"
}
