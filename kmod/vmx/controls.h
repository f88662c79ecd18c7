/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VM-execution, VM-exit and VM-entry controls that lodge knows, as data.
 *
 * One list per control word: X(bit, NAME, need, "text").  vmx/caps.c negotiates
 * from it and vmctl prints from it, so there is nothing here but the list.
 *
 *   REQ  lodge does not run without it
 *   OPT  used where present, each can be switched off
 *   DYN  required, set and cleared while the guest runs
 *   OFF  known by name for `vmctl check`, not used
 *
 * Source: SDM Vol 3C, 25.6 (VM-execution), 25.7 (VM-exit), 25.8 (VM-entry).
 */
#ifndef LODGE_VMX_CONTROLS_H
#define LODGE_VMX_CONTROLS_H

#define VMX_PIN_CONTROLS(X) \
	X(0, PIN_EXTINT_EXITING, REQ, "external-interrupt exiting") \
	X(3, PIN_NMI_EXITING, REQ, "NMI exiting") \
	X(5, PIN_VIRTUAL_NMIS, REQ, "virtual NMIs") \
	X(6, PIN_PREEMPTION_TIMER, OFF, "VMX-preemption timer") \
	X(7, PIN_POSTED_INTERRUPTS, OFF, "process posted interrupts")

#define VMX_PROC_CONTROLS(X) \
	X(2, PROC_INTERRUPT_WINDOW, DYN, "interrupt-window exiting") \
	X(3, PROC_TSC_OFFSETTING, REQ, "use TSC offsetting") \
	X(7, PROC_HLT_EXITING, REQ, "HLT exiting") \
	X(9, PROC_INVLPG_EXITING, OFF, "INVLPG exiting") \
	X(10, PROC_MWAIT_EXITING, REQ, "MWAIT exiting") \
	X(11, PROC_RDPMC_EXITING, REQ, "RDPMC exiting") \
	X(12, PROC_RDTSC_EXITING, OFF, "RDTSC exiting") \
	X(15, PROC_CR3_LOAD_EXITING, OFF, "CR3-load exiting") \
	X(16, PROC_CR3_STORE_EXITING, OFF, "CR3-store exiting") \
	X(19, PROC_CR8_LOAD_EXITING, REQ, "CR8-load exiting") \
	X(20, PROC_CR8_STORE_EXITING, REQ, "CR8-store exiting") \
	X(21, PROC_TPR_SHADOW, OPT, "use TPR shadow") \
	X(22, PROC_NMI_WINDOW, DYN, "NMI-window exiting") \
	X(23, PROC_MOV_DR_EXITING, REQ, "MOV-DR exiting") \
	X(24, PROC_UNCONDITIONAL_IO, REQ, "unconditional I/O exiting") \
	X(25, PROC_IO_BITMAPS, OFF, "use I/O bitmaps") \
	X(27, PROC_MONITOR_TRAP_FLAG, OFF, "monitor trap flag") \
	X(28, PROC_MSR_BITMAPS, REQ, "use MSR bitmaps") \
	X(29, PROC_MONITOR_EXITING, REQ, "MONITOR exiting") \
	X(30, PROC_PAUSE_EXITING, OFF, "PAUSE exiting") \
	X(31, PROC_SECONDARY, REQ, "activate secondary controls")

#define VMX_PROC2_CONTROLS(X) \
	X(0, PROC2_APIC_ACCESSES, OFF, "virtualize APIC accesses") \
	X(1, PROC2_EPT, REQ, "enable EPT") \
	X(2, PROC2_DESCRIPTOR_EXITING, OFF, "descriptor-table exiting") \
	X(3, PROC2_RDTSCP, OPT, "enable RDTSCP") \
	X(4, PROC2_X2APIC, OPT, "virtualize x2APIC mode") \
	X(5, PROC2_VPID, OPT, "enable VPID") \
	X(6, PROC2_WBINVD_EXITING, OPT, "WBINVD exiting") \
	X(7, PROC2_UNRESTRICTED_GUEST, REQ, "unrestricted guest") \
	X(8, PROC2_APIC_REGISTERS, OFF, "APIC-register virtualization") \
	X(9, PROC2_VIRTUAL_INTERRUPTS, OPT, "virtual-interrupt delivery") \
	X(10, PROC2_PAUSE_LOOP, OPT, "PAUSE-loop exiting") \
	X(11, PROC2_RDRAND_EXITING, OFF, "RDRAND exiting") \
	X(12, PROC2_INVPCID, OPT, "enable INVPCID") \
	X(13, PROC2_VMFUNC, OFF, "enable VM functions") \
	X(14, PROC2_VMCS_SHADOWING, OFF, "VMCS shadowing") \
	X(15, PROC2_ENCLS_EXITING, OPT, "ENCLS exiting") \
	X(16, PROC2_RDSEED_EXITING, OFF, "RDSEED exiting") \
	X(17, PROC2_PML, OPT, "enable PML") \
	X(18, PROC2_EPT_VE, OFF, "EPT-violation #VE") \
	X(19, PROC2_CONCEAL_PT, OPT, "conceal VMX from PT") \
	X(20, PROC2_XSAVES, OPT, "enable XSAVES/XRSTORS") \
	X(22, PROC2_MODE_BASED_EXEC, OFF, "mode-based execute control for EPT") \
	X(25, PROC2_TSC_SCALING, OPT, "use TSC scaling") \
	X(26, PROC2_USER_WAIT, OFF, "enable user wait and pause") \
	X(28, PROC2_ENCLV_EXITING, OFF, "ENCLV exiting")

#define VMX_EXIT_CONTROLS(X) \
	X(2, EXIT_SAVE_DEBUG, REQ, "save debug controls") \
	X(9, EXIT_HOST_64, REQ, "host address-space size") \
	X(12, EXIT_PERF_GLOBAL_CTRL, OFF, "load IA32_PERF_GLOBAL_CTRL") \
	X(15, EXIT_ACK_INTERRUPT, OFF, "acknowledge interrupt on exit") \
	X(18, EXIT_SAVE_PAT, REQ, "save IA32_PAT") \
	X(19, EXIT_LOAD_PAT, REQ, "load IA32_PAT") \
	X(20, EXIT_SAVE_EFER, REQ, "save IA32_EFER") \
	X(21, EXIT_LOAD_EFER, REQ, "load IA32_EFER") \
	X(22, EXIT_SAVE_TIMER, OFF, "save VMX-preemption timer value") \
	X(23, EXIT_CLEAR_BNDCFGS, OFF, "clear IA32_BNDCFGS") \
	X(24, EXIT_CONCEAL_PT, OPT, "conceal VMX from PT") \
	X(28, EXIT_LOAD_CET, OPT, "load CET state")

#define VMX_ENTRY_CONTROLS(X) \
	X(2, ENTRY_LOAD_DEBUG, REQ, "load debug controls") \
	X(9, ENTRY_GUEST_64, DYN, "IA-32e mode guest") \
	X(10, ENTRY_SMM, OFF, "entry to SMM") \
	X(13, ENTRY_PERF_GLOBAL_CTRL, OFF, "load IA32_PERF_GLOBAL_CTRL") \
	X(14, ENTRY_LOAD_PAT, REQ, "load IA32_PAT") \
	X(15, ENTRY_LOAD_EFER, REQ, "load IA32_EFER") \
	X(16, ENTRY_LOAD_BNDCFGS, OFF, "load IA32_BNDCFGS") \
	X(17, ENTRY_CONCEAL_PT, OPT, "conceal VMX from PT") \
	X(20, ENTRY_LOAD_CET, OPT, "load CET state")

/* IA32_VMX_EPT_VPID_CAP, SDM Vol 3D, A.10 */
#define VMX_EPT_CAPS(X) \
	X(0, EPT_EXEC_ONLY, OPT, "execute-only pages") \
	X(6, EPT_WALK_4, REQ, "page-walk length 4") \
	X(7, EPT_WALK_5, OFF, "page-walk length 5") \
	X(14, EPT_WB, REQ, "write-back paging structures") \
	X(16, EPT_2M, OPT, "2 MiB pages") \
	X(17, EPT_1G, OPT, "1 GiB pages") \
	X(20, EPT_INVEPT, REQ, "INVEPT") \
	X(21, EPT_AD, OPT, "accessed and dirty flags") \
	X(25, EPT_INVEPT_SINGLE, REQ, "single-context INVEPT") \
	X(26, EPT_INVEPT_ALL, REQ, "all-context INVEPT")

#endif /* LODGE_VMX_CONTROLS_H */
