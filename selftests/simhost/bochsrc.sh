# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Sourced by run: which Bochs, and its configuration.

# Instructions per emulated second. The TSC advances by one per instruction, so the host is told
# its frequency (tsc_early_khz): the processor models' nameplate is many times more.
IPS=${SIMHOST_IPS:-100000000}

# cpu_model NAME: the full name of a processor model known by a shorter one.
cpu_model()
{
	case $1 in
	core2_penryn | penryn)		echo core2_penryn_t9600 ;;
	lynnfield)			echo corei5_lynnfield_750 ;;
	arrandale)			echo corei5_arrandale_m520 ;;
	sandy_bridge | sandybridge)	echo corei7_sandy_bridge_2600k ;;
	haswell)			echo corei7_haswell_4770 ;;
	skylake_x | skylake)		echo corei7_skylake_x ;;
	*)				echo "$1" ;;
	esac
}

# find_bochs: sets BOCHS (the command), KIND (fast or packaged) and SHARE (its BIOS images).
find_bochs()
{
	case ${SIMHOST_BOCHS:-auto} in
	auto)		BOCHS=$("$SIMHOST/bochs-fast" --have) || BOCHS=$("$SIMHOST/bochs") ;;
	fast)		BOCHS=$("$SIMHOST/bochs-fast") ;;
	packaged)	BOCHS=$("$SIMHOST/bochs") ;;
	*)		BOCHS=$SIMHOST_BOCHS ;;
	esac || exit 97
	[ -x "$BOCHS" ] || die "no Bochs at '$BOCHS'"
	# A Bochs with the internal debugger is a packaged one.
	if "$BOCHS" --help 2>&1 | grep -q -e '-rc'; then
		KIND=packaged
	else
		KIND=fast
	fi
}

# bios NAME...: the first of these files among the places where Bochs' BIOS images are.
bios()
{
	local prefix name dir

	prefix=$(dirname "$(dirname "$BOCHS")")
	for name; do
		for dir in "$prefix/share/bochs" "$prefix/share/vgabios" "$prefix/share/seabios" \
			/usr/share/bochs /usr/share/vgabios /usr/share/seabios; do
			[ ! -r "$dir/$name" ] || { echo "$dir/$name"; return; }
		done
	done
	die "no $1 beside $BOCHS (packages bochsbios, vgabios)"
}

# geometry FILE: of a disk image that consists of whole cylinders.
geometry()
{
	echo "cylinders=$(($(stat -c %s "$1") / (16 * 63 * 512))), heads=16, spt=63"
}

# write_bochsrc DIR CPU CPUS MIB SHELL
write_bochsrc()
{
	local dir=$1 display=nogui

	[ "$KIND" = fast ] || display=term
	cat > "$dir/bochsrc" <<-CONF
		display_library: $display
		romimage: file=$(bios BIOS-bochs-latest)
		vgaromimage: file=$(bios vgabios.bin vgabios-lgpl-latest VGABIOS-lgpl-latest)
		cpu: model=$2, count=1:$3:1, ips=$IPS, reset_on_triple_fault=0, ignore_bad_msrs=1
		memory: guest=$4, host=$(($4 < 2048 ? $4 : 2048))
		clock: sync=none
		boot: disk
		ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
		ata1: enabled=1, ioaddr1=0x170, ioaddr2=0x370, irq=15
		ata0-master: type=disk, mode=flat, path="$dir/boot.img", $(geometry "$dir/boot.img")
		ata1-master: type=disk, mode=flat, path="$dir/report.img", $(geometry "$dir/report.img")
		com1: enabled=1, mode=file, dev="$dir/console.log"
		log: $dir/bochs.log
		panic: action=fatal
		error: action=report
		info: action=ignore
		debug: action=ignore
	CONF
	[ ! "$DISK" ] ||
		echo "ata0-slave: type=disk, mode=volatile, path=\"$(realpath "$DISK")\", journal=\"$dir/redolog\", $(geometry "$(realpath "$DISK")")" >> "$dir/bochsrc"
	[ ! "$5" ] || echo "com2: enabled=1, mode=term, dev=$dir/tty" >> "$dir/bochsrc"
	[ ! "${SIMHOST_BOCHSRC:-}" ] || echo "$SIMHOST_BOCHSRC" >> "$dir/bochsrc"
	echo c > "$dir/bochs.cmd"
	BOCHS_ARGS=(-q -f "$dir/bochsrc")
	[ "$KIND" = fast ] || BOCHS_ARGS+=(-rc "$dir/bochs.cmd")
}
