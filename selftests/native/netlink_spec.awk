# SPDX-License-Identifier: GPL-2.0-only
#
# Reads Documentation/netlink/lodge.yaml (as it is laid out, not YAML at large) and writes, by what
# is asked for with -v want=:
#
#   values	a C file that does not compile unless the uapi headers have the same names and values
#   policies	a line an operation that takes attributes: COMMAND NAME:TYPE[:CHECK...] ...

function upper(s) { s = toupper(s); gsub(/-/, "_", s); return s }
function list(s) { sub(/^[^[]*\[/, "", s); sub(/\].*/, "", s); gsub(/,/, " ", s); return s }
function same(name, value) { print "_Static_assert(" name " == " value ", \"" name "\");" }

function end_item()
{
	if (kind == "enum" && name != "") {
		n = split(entries, e, " ")
		for (i = 1; i <= n; i++)
			same("LODGE_" upper(name) "_" upper(e[i]), start + i - 1)
		print "/* enum LODGE_" upper(name) "_ " n " */"
	}
	if (kind == "flags" && name != "") {
		n = split(entries, e, " ")
		for (i = 1; i <= n; i++)
			same("LODGE_" upper(name) "_" upper(e[i]), "1U << " i - 1)
		print "/* flags LODGE_" upper(name) "_FLAGS " n " */"
	}
	kind = ""
}

function end_set()
{
	if (set == "")
		return
	if (set == "counters")
		same("LODGE_NR_STATS", nr - 1)
	else
		same("LODGE_A_" upper(set) "_MAX", nr)
	set = ""
}

# An attribute of a request, of a dump or not: the kernel has one policy for both
function take(attr)
{
	if (line !~ "^" command " ") {
		end_policy()
		line = command " "
	}
	attr = "LODGE_A_" upper(set_of) "_" upper(attr) ":" type[set_of, attr] check[set_of, attr]
	if (index(line " ", " " attr " ") == 0)
		line = line (line ~ / $/ ? "" : " ") attr
}

function end_policy()
{
	if (line != "")
		print line
	line = ""
}

function end_section() { if (want == "values") { end_item(); end_set() } }

BEGIN { if (want == "values") print "#include <linux/lodge.h>\n#include <linux/lodge_netlink.h>" }

/^[a-z-]+:/ { end_section(); section = $1 }

section == "definitions:" && $1 == "type:" { end_section(); kind = $2; start = 0 }
section == "definitions:" && $1 == "name:" { name = $2 }
section == "definitions:" && $1 == "value-start:" { start = $2 }
section == "definitions:" && $1 == "entries:" { entries = list($0) }

section == "attribute-sets:" && /^    name:/ { end_section(); set = $2; nr = 0 }
section == "attribute-sets:" && /^        name:/ {
	attr = $2
	nr++
	constant = "LODGE_A_" upper(set) "_" upper(attr)
	if (set == "counters")
		constant = "LODGE_A_COUNTER(LODGE_" (attr == "pad" ? "NR_STATS" : "STAT_" upper(attr)) ")"
	if (want == "values")
		same(constant, nr)
}
section == "attribute-sets:" && /^        type:/ { type[set, attr] = $2 }
section == "attribute-sets:" && /^          (min|max|max-len|exact-len|flags-mask):/ {
	check[set, attr] = check[set, attr] ":" substr($1, 1, length($1) - 1) "=" $2
}

section == "operations:" && /^      name:/ {
	op++
	command = "LODGE_CMD_" upper($2)
	if (want == "values")
		same(command, op)
}
section == "operations:" && /^      attribute-set:/ { set_of = $2 }
section == "operations:" && /^      (do|dump|event):/ { mode = $1 }
section == "operations:" && /^        request:/ { request = mode != "event:" }
section == "operations:" && /^        reply:/ { request = 0 }
section == "operations:" && /^          attributes:/ && request && want == "policies" {
	n = split(list($0), a, " ")
	for (i = 1; i <= n; i++)
		take(a[i])
	request = 0
}

END {
	end_policy()
	if (want == "values") {
		end_section()
		same("LODGE_CMD_MAX", op + 0)
	}
}
