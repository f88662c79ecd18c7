# SPDX-License-Identifier: GPL-2.0-only
#
# Lengths of files and functions in kernel style.  Variable exceptions: a file of
#	PATH FUNCTION LIMIT REASON...
# lines; FUNCTION "-" means the file itself.

function report(path, name, len, limit)
{
	if ((path, name) in allowed)
		limit = allowed[path, name]
	if (len <= limit)
		return
	if (name == "-")
		print path ": " len " lines, " limit " are allowed"
	else
		print path ": " name " has " len " lines, " limit " are allowed"
}

function finish_file()
{
	if (last)
		report(last, "-", lines, 800)
}

BEGIN {
	while ((getline row < exceptions) > 0) {
		if (row ~ /^[ \t]*(#|$)/)
			continue
		split(row, word, /[ \t]+/)
		allowed[word[1], word[2]] = word[3]
	}
}

FNR == 1 {
	finish_file()
	last = FILENAME
	start = 0
	inside = 0
}

{
	lines = FNR
}

# The line with the name: not indented, with a parenthesis, not a declaration
!inside && /^[A-Za-z_].*\(/ && !/;[ \t]*$/ {
	start = FNR
	name = $0
	if (name ~ /^TEST|^FIXTURE/) {
		sub(/\).*/, ")", name)
	} else {
		sub(/\(.*/, "", name)
		sub(/.*[ \t*]/, "", name)
	}
}

/^{/ && start {
	inside = 1
}

/^}/ {
	if (inside)
		report(FILENAME, name, FNR - start + 1, 60)
	inside = 0
	start = 0
}

END {
	finish_file()
}
