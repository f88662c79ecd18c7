# SPDX-License-Identifier: GPL-2.0-only
#
# `make help` lists the targets.  The kernel module's own rules are in Kbuild,
# which the kernel's build system reads.

KDIR ?= /lib/modules/$(shell uname -r)/build
HOST ?=
TESTS ?=
PREFIX ?= /usr/local
DESTDIR ?=

BUILD := $(CURDIR)/build
SIMHOST := selftests/simhost

export HOST

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

# Scripts start makes of their own: not with our flags, but with HOST
script = @env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL $(1)

say = @printf '%s\n' '$(1)'

# Exit with a sentence when a part of the tree is not there
need = @test -e $(1) || { echo 'make $@: $(1) is missing from this tree.' >&2; exit 1; }

##@ Building
.PHONY: all
all: vmctl module-if-headers ## the module for KDIR, and vmctl (the default)

.PHONY: module
module: ## lodge.ko for KDIR (the running kernel's headers); C=1 runs sparse, W=1 warns more
	@if [ ! -e '$(KDIR)/Makefile' ]; then \
		echo 'make: there are no kernel headers in $(KDIR): install the' \
			'linux-headers package of your kernel, or name another build' \
			'directory with KDIR=..., or try "make demo", which needs neither.' >&2; \
		exit 1; \
	fi
	$(call say,  MODULE  lodge.ko for $(KDIR))
	+@$(MAKE) -C '$(KDIR)' M='$(CURDIR)' modules

# "make" alone on a machine without headers still builds vmctl; a KDIR that was
# asked for and is not there is an error.
.PHONY: module-if-headers
ifeq ($(origin KDIR)$(wildcard $(KDIR)/Makefile),file)
module-if-headers: vmctl
	@echo 'Not building lodge.ko: the running kernel has no headers in $(KDIR).' \
		'Name others with "make KDIR=...", or try "make demo", which needs none.'
else
module-if-headers: module
endif

.PHONY: vmctl
vmctl: ## the command, build/vmctl
	+@$(MAKE) -C vmctl BUILD='$(BUILD)'

.PHONY: selftests
selftests: ## the test programs, build/selftests/
	$(call need,selftests/Makefile)
	$(call say,  MAKE    build/selftests)
	+@$(MAKE) -C selftests $(foreach v,CC CFLAGS,$(if $(filter command,$(origin $(v))),$(v)='$($(v))'))

# TESTS is a word of ours; there it would replace the list of programs
selftests: MAKEOVERRIDES :=

##@ Running (on this machine with HOST=local, else in the simulated host)
.PHONY: deps
deps: ## install what building and testing need, through apt
	$(call need,$(SIMHOST)/deps)
	$(call say,  DEPS    packages that building and testing need)
	$(call script,$(SIMHOST)/deps --install)

.PHONY: demo
demo: deps ## Debian from a disk, in a virtual machine, on any x86-64 machine
	$(call need,$(SIMHOST)/run)
	+@$(MAKE) vmctl
	+@$(MAKE) -C selftests guest
	$(call say,  DEMO    a Debian as a guest)
	$(call script,selftests/demo)

.PHONY: check
check: deps ## all tests, or those of TESTS="name ..."
	$(call need,selftests/check)
	+@$(MAKE) vmctl selftests
	$(call say,  CHECK   $(or $(TESTS),all tests))
	$(call script,selftests/check $(TESTS))

.PHONY: bench
bench: deps ## lodge and KVM side by side; also build/bench.json
	$(call need,selftests/bench/run)
	+@$(MAKE) vmctl selftests
	$(call say,  BENCH   lodge and KVM on one simulated host)
	$(call script,selftests/bench/run)

.PHONY: simhost-fast
simhost-fast: deps ## build the simulated host's emulator with its speed options, once
	$(call need,$(SIMHOST)/bochs-fast)
	$(call say,  BOCHS   with speed options; takes some minutes)
	$(call script,$(SIMHOST)/bochs-fast)

##@ Looking at the code
.PHONY: style
style: ## checkpatch, lengths, licence lines, headers, layers
	$(call say,  STYLE   checkpatch and the rules of this project)
	$(call script,selftests/style)

.PHONY: fuzz
fuzz: ## fuzzers of the pure code, as ordinary programs
	$(call need,selftests/native/Makefile)
	$(call say,  FUZZ    selftests/native)
	+@$(MAKE) -C selftests/native fuzz

##@ Installing
.PHONY: install
install: install-vmctl module ## module, vmctl, manual pages, headers, udev rule, unit (DESTDIR and PREFIX are heeded)
	$(call say,  INSTALL lodge.ko in $(DESTDIR)/lib/modules)
	+@$(MAKE) -C '$(KDIR)' M='$(CURDIR)' INSTALL_MOD_PATH='$(DESTDIR)' \
		CONFIG_MODULE_SIG_ALL= modules_install
	@[ -n '$(DESTDIR)' ] || depmod "$$(modinfo -F vermagic lodge.ko | cut -d ' ' -f 1)"

.PHONY: install-vmctl
install-vmctl: vmctl ## all of install but the module
	$(call say,  INSTALL vmctl and what belongs to it in $(DESTDIR)$(PREFIX))
	@install/files vmctl '$(DESTDIR)' '$(PREFIX)'

.PHONY: install-dkms
install-dkms: ## the module's source and dkms.conf, for dkms, in /usr/src
	$(call say,  INSTALL source for dkms in $(DESTDIR)/usr/src)
	@install/files dkms '$(DESTDIR)' '$(PREFIX)'

.PHONY: deb
deb: vmctl ## packages vmctl and lodge-dkms, in build/
	$(call say,  DEB     build/vmctl_*.deb build/lodge-dkms_*.deb)
	@install/deb

.PHONY: clean
clean: ## remove what was built (not what was downloaded)
	$(call say,  CLEAN)
	@rm -rf build Module.symvers modules.order .tmp_versions
	@find . kmod -maxdepth 1 -name '.git' -prune -o -type f \
		\( -name '*.o' -o -name '*.ko' -o -name '*.mod' -o -name '*.mod.c' \
		-o -name '.*.cmd' -o -name '.*.d' \) -exec rm -f {} +
	@find kmod -type f \( -name '*.o' -o -name '.*.cmd' -o -name '.*.d' \
		-o -name '*.mod' -o -name 'modules.order' \) -exec rm -f {} +

##@
.PHONY: help
help: ## this list
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s:\n", substr($$0, 5) } \
		/^##@$$/ { print "" } \
		/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\n%s\n' 'Variables: KDIR=build directory, HOST=local, TESTS="names", C=1, W=1, DESTDIR=, PREFIX='

comma := ,
