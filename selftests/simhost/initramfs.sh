# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Sourced by run: what is in the simulated host's initramfs, as a list for mkcpio.

# put SOURCE DEST: one file, or a directory with all in it, and the libraries that a program needs.
put()
{
	local f

	if [ -d "$1" ]; then
		while IFS= read -r -d '' f; do
			put "$f" "$2/${f#"$1/"}"
		done < <(find -L "$1" -type f -print0)
		return
	fi
	[ -r "$1" ] || die "$1: no such file"
	printf 'file\t%s\t%s\t%s\n' "$2" "$(stat -L -c %a "$1")" "$(realpath "$1")"
	[ ! -x "$1" ] || put_libraries "$1"
}

put_libraries()
{
	local lib

	for lib in $(ldd "$1" 2> /dev/null | grep -o '/[^ ]*'); do
		[ ! "${HAVE_LIBRARY[$lib]:-}" ] || continue
		HAVE_LIBRARY[$lib]=1
		printf 'file\t%s\t755\t%s\n' "$lib" "$(realpath "$lib")"
	done
}
declare -A HAVE_LIBRARY

put_system()
{
	local busybox applet

	busybox=$(command -v busybox) || die "busybox is missing (package busybox-static)"
	printf 'file\t/init\t755\t%s\n' "$TOOLS/init"
	printf 'node\t/dev/console\t600\t5\t1\n'
	printf 'dir\t/root\t700\ndir\t/tmp\t1777\ndir\t/proc\t755\ndir\t/sys\t755\n'
	printf 'dir\t/run\t755\ndir\t/etc\t755\ndir\t/var\t755\ndir\t/selftests\t755\n'
	put "$busybox" /bin/busybox
	"$busybox" --list-full | while read -r applet; do
		case $applet in
		bin/busybox) ;;
		*) printf 'link\t/%s\t/bin/busybox\n' "${applet#/}" ;;
		esac
	done
	printf 'root:x:0:0:root:/root:/bin/sh\n' > "$1/passwd"
	printf 'root:x:0:\n' > "$1/group"
	put "$1/passwd" /etc/passwd
	put "$1/group" /etc/group
}

# put_modules DIR NAME...: kernel modules and all that they need, where modprobe seeks them. A
# module that is built into the kernel, or that this kernel has not got, is left out; modprobe
# tells of the latter.
put_modules()
{
	local tmp=$1/modules mods=$KERNEL_DIR/modules release path out

	shift
	release=$(cat "$KERNEL_DIR/release")
	mkdir -p "$tmp"
	: > "$tmp/modules.dep"
	if [ -r "$mods/modules.dep" ]; then
		closure "$mods/modules.dep" "$@" > "$tmp/list"
		while read -r path; do
			out=${path%.xz}
			out=${out%.zst}
			case $path in
			*.xz)	xz -dc "$mods/$path" > "$tmp/${out##*/}" ;;
			*.zst)	zstd -q -dc "$mods/$path" > "$tmp/${out##*/}" ;;
			*)	ln -s "$(realpath "$mods/$path")" "$tmp/${out##*/}" ;;
			esac
			put "$tmp/${out##*/}" "/lib/modules/$release/$out"
			grep "^$path:" "$mods/modules.dep" | sed 's/\.\(xz\|zst\)\>//g' \
				>> "$tmp/modules.dep"
		done < "$tmp/list"
	fi
	put "$tmp/modules.dep" "/lib/modules/$release/modules.dep"
	[ ! -r "$mods/modules.builtin" ] ||
		put "$mods/modules.builtin" "/lib/modules/$release/modules.builtin"
}

# closure MODULES.DEP NAME...: the files of these modules and of all they depend on.
closure()
{
	local dep=$1

	shift
	printf '%s\n' "$@" | awk '
		function plain(p) {
			sub(/.*\//, "", p)
			sub(/\.ko.*/, "", p)
			gsub(/-/, "_", p)
			return p
		}
		NR == FNR {
			gsub(/-/, "_")
			want[$1] = 1
			next
		}
		{
			path = $1
			sub(/:$/, "", path)
			if (!(plain(path) in want))
				next
			for (i = 1; i <= NF; i++) {
				p = $i
				sub(/:$/, "", p)
				if (!seen[p]++)
					print p
			}
		}' - "$dep"
}
