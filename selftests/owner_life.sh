#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# owner_life.sh: the simulated host reboots, starts another kernel by kexec, and crashes into one,
# each with guests running on both of its CPUs. Prints KTAP.
#
#	owner_life.sh [--kernel K] [NAME...]
#
# Names: reboot, kexec, crash, and each with -kvm for a guest of KVM's beside ours. All of them by
# default. Each takes a host of its own. What owner_life.c does there ends with a restart of the
# machine, which simhost/run tells; before that the second kernel says on the console how many CPUs
# it could start and on how many a guest of ours computed the right result.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

kernel=6.1 names=()
while [ $# -gt 0 ]; do
	case $1 in
	--kernel)	kernel=${2:?--kernel wants a value}; shift ;;
	-h | --help)	sed -n '3,/^set/s/^# \{0,1\}//p' "$0" | sed '$d'; exit 0 ;;
	-*)		echo "owner_life.sh: no option $1 (--help)" >&2; exit 2 ;;
	*)		names+=("$1") ;;
	esac
	shift
done
[ "${#names[@]}" -gt 0 ] || names=(reboot kexec crash reboot-kvm kexec-kvm crash-kvm)

# The second kernel's own words, with the number of CPUs (a pattern) that it must have
right()
{
	grep -q "^second kernel: \($2\) CPUs, guests right on \1.\{0,1\}$" "$1"
}

# judge NAME OUTPUT STATUS: says why not, or nothing
judge()
{
	if [ "$3" -ne 98 ] || ! grep -q '^simhost: the host restarted' "$2"; then
		echo "the host has not restarted (status $3)"
	elif grep -qE '] (WARNING: |BUG: |Oops: |Call Trace:|general protection)' "$2"; then
		echo "the host's kernel complained"
	else
		case $1 in
		kexec*)	right "$2" 2 || echo "not both CPUs run guests in the second kernel" ;;
		crash*)	right "$2" "$crash_cpus" || echo "the second kernel runs no guest" ;;
		esac
	fi
}

if [ "${HOST:-}" = local ]; then
	printf 'KTAP version 1\n1..1\nok 1 - life # SKIP not on this machine\n'
	exit 4
fi
# A CPU that the crash meets between a guest's exit and the end of the window stays in VMX operation
# on kernels that do not end that for everybody (Documentation/ownership.rst).
case $kernel in
6.1 | 6.12)	crash_cpus='[12]' ;;
*)		crash_cpus=2 ;;
esac
vmlinux=$("$here/simhost/kernel" "$kernel")/vmlinux
output=$(mktemp)
trap 'rm -f "$output"' EXIT
printf 'KTAP version 1\n1..%d\n' "${#names[@]}"
failed=0 nr=0
for name in "${names[@]}"; do
	options=() command="OWNER_LIFE=1"
	[ "${name#reboot}" != "$name" ] || options+=(--copy "$vmlinux")
	case $name in *-kvm)
		options+=(--with-kvm)
		command+=" OWNER_KVM=1" ;;
	esac
	# By the reset register: Bochs' BIOS does not survive a reset by the keyboard controller,
	# which leaves the processors' IA32_FEATURE_CONTROL locked
	status=0
	"$here/simhost/run" --kernel "$kernel" --cpus 2 --timeout 400 "${options[@]}" \
		--append "reboot=pci crashkernel=192M" -- \
		"$command /selftests/owner_life ${name%-kvm}_host" > "$output" 2>&1 || status=$?
	why=$(judge "$name" "$output" "$status")
	nr=$((nr + 1))
	grep -a '^second kernel' "$output" | sed 's/^/# /' || :
	if [ "$why" ]; then
		sed 's/^/# /' "$output"
		echo "not ok $nr - $name # $why"
		failed=1
	else
		echo "ok $nr - $name"
	fi
done
exit "$failed"
