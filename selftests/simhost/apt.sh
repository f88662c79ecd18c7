# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Sourced: packages from other suites, by an apt configuration of our own.
#
# Lists, cache and sources lie below $CACHE/apt, so the user's own sources and package state are
# neither read nor changed, and no root is needed: packages are downloaded and unpacked, never
# installed. apt verifies all of it against the Debian archive keyring. The user's proxies and
# other settings hold, since apt reads /etc/apt/apt.conf* first.
#
# The mirror is the one that the user's own sources name; LODGE_MIRROR=URL (and
# LODGE_SECURITY_MIRROR=URL, by default the same with "-security" added) overrides it, and is
# needed on a distribution other than Debian.

KEYRING=${LODGE_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}

# The base addresses of the user's own sources, with the suite: "URL SUITE" lines.
user_sources()
{
	apt-get --print-uris update 2> /dev/null |
		sed -n "s|^'\(.*\)/dists/\(.*\)/InRelease'.*|\1 \2|p" | sort -u
}

# mirror main|security: prints the address.
mirror()
{
	local main security

	main=${LODGE_MIRROR:-$(user_sources | sed -n \
		's,^\([^ ]*/debian\) \(stable\|testing\|sid\|unstable\|[a-z]*\|[a-z]*-updates\)$,\1,p' |
		head -n 1)}
	[ "$main" ] || return 1
	security=${LODGE_SECURITY_MIRROR:-}
	if [ ! "$security" ] && [ ! "${LODGE_MIRROR:-}" ]; then
		security=$(user_sources |
			sed -n 's,^\([^ ]*/debian-security\) .*-security$,\1,p' | head -n 1)
	fi
	case $1 in
	main)		echo "${main%/}" ;;
	security)	echo "${security:-${main%/}-security}" ;;
	esac
}

# apt_private SUITE: makes the configuration for one suite and its -security companion, and
# fetches the lists once a day. Sets APT_CONF.
apt_private()
{
	local suite=$1 dir=$CACHE/apt/$1 main security

	APT_CONF=$dir/apt.conf
	[ -z "$(find "$dir/fresh" -mmin -1440 2> /dev/null)" ] || return 0
	need apt-get dpkg-deb
	main=$(mirror main) && security=$(mirror security) ||
		die "no Debian mirror in this machine's sources; name one in LODGE_MIRROR"
	[ -r "$KEYRING" ] || die "$KEYRING is missing (package debian-archive-keyring)"
	mkdir -p "$dir"/{state/lists/partial,cache/archives/partial,parts}
	: > "$dir/state/status"
	{
		printf 'Types: deb deb-src\nURIs: %s\nSuites: %s\n' "$main" "$suite"
		printf 'Components: main\nSigned-By: %s\n' "$KEYRING"
		if [ "$suite" != sid ]; then
			printf '\nTypes: deb deb-src\nURIs: %s\nSuites: %s-security\n' \
				"$security" "$suite"
			printf 'Components: main\nSigned-By: %s\n' "$KEYRING"
		fi
	} > "$dir/parts/debian.sources"
	cat > "$APT_CONF" <<-CONF
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
		#clear DPkg::Post-Invoke;
		Dir::State "$dir/state";
		Dir::State::status "$dir/state/status";
		Dir::Cache "$dir/cache";
		Dir::Etc::sourcelist "/dev/null";
		Dir::Etc::sourceparts "$dir/parts";
		Dir::Etc::preferencesparts "/dev/null";
		APT::Architecture "amd64";
		APT::Architectures { "amd64"; };
		APT::Sandbox::User "root";
		APT::Get::AllowUnauthenticated "false";
		Acquire::AllowInsecureRepositories "false";
		Acquire::Languages "none";
		Acquire::Retries "3";
	CONF
	say "fetching the package lists of $suite ..."
	apt-get -c "$APT_CONF" -q -q update >&2 || die "cannot fetch the package lists of $suite"
	touch "$dir/fresh"
}

# newest PATTERN: the newest package whose whole name matches the extended regular expression.
newest()
{
	apt-cache -c "$APT_CONF" pkgnames | grep -E -x "$1" | sort -V | tail -n 1
}

# download DIR PACKAGE: once more with new lists if the first attempt fails, since a mirror drops a
# package when a newer one has come.
download()
{
	(cd "$1" && apt-get -c "$APT_CONF" -q -q download "$2" >&2) && return
	say "trying again with new package lists ..."
	apt-get -c "$APT_CONF" -q -q update >&2
	(cd "$1" && apt-get -c "$APT_CONF" -q -q download "$2" >&2)
}

# fetch DIR PACKAGE...: downloads packages and unpacks them into DIR.
fetch()
{
	local dir=$1 work p size

	shift
	scratch
	work=$SCRATCH
	for p; do
		size=$(apt-cache -c "$APT_CONF" show --no-all-versions "$p" |
			sed -n 's/^Size: //p' | head -n 1)
		say "fetching $p ($(((${size:-0} + 999999) / 1000000)) MB) ..."
		download "$work" "$p" || die "cannot fetch $p"
	done
	mkdir -p "$dir"
	for p in "$work"/*.deb; do
		dpkg-deb -x "$p" "$dir" || die "cannot unpack ${p##*/}"
	done
	rm -rf "$work"
}

# fetch_source DIR PACKAGE PART: downloads the files of a source package whose name holds .PART.
# They are checked against the signed list's SHA256 by apt itself; the .dsc, which some mirrors
# leave out, is not needed for that.
fetch_source()
{
	local uri file size sum

	while read -r uri file size sum; do
		case $file in
		*."$3".*) ;;
		*) continue ;;
		esac
		say "fetching $file ($(((size + 999999) / 1000000)) MB) ..."
		/usr/lib/apt/apt-helper -c "$APT_CONF" -q -q download-file "${uri//\'/}" \
			"$1/$file" "$sum" >&2 || die "cannot fetch $file"
	done < <(apt-get -c "$APT_CONF" --print-uris --download-only --only-source source "$2" |
		grep "^'")
}

# fetch_root DIR PACKAGE...: unpacks packages and all they depend on into DIR, as the root of a
# system good enough to run them in. Nothing is configured, so neither root nor a chroot is needed.
fetch_root()
{
	local dir=$1 work p

	shift
	scratch
	work=$SCRATCH
	mkdir "$work/partial"
	apt-get -c "$APT_CONF" -q -q -y -o Debug::NoLocking=1 -o Dir::Cache::archives="$work/" \
		--no-install-recommends --download-only install "$@" >&2 ||
		die "cannot fetch $*"
	mkdir -p "$dir"/{usr/{bin,sbin,lib,lib64},dev,proc,tmp,etc}
	for p in bin sbin lib lib64; do
		ln -sfn "usr/$p" "$dir/$p"
	done
	for p in "$work"/*.deb; do
		dpkg-deb --fsys-tarfile "$p" | tar -C "$dir" -x --keep-directory-symlink ||
			die "cannot unpack ${p##*/}"
	done
	rm -rf "$work"
}
