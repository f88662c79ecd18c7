/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nat.h - lets the network of a tap out into the world by the host's own addresses
 */
#ifndef VMCTL_NAT_H
#define VMCTL_NAT_H

#include "dhcp.h"

/**
 * nat_prepare - for nat_start(), before this process has any file open or much memory
 *
 * Return: CMD_OK, or CMD_FAILED after having told the user.
 */
int nat_prepare(void);

/**
 * nat_start - masquerade what comes from a network, and have the host forward it
 * @tap: where the network is
 * @number: of the network 10.73.@number.0/24
 *
 * It is undone when this process, and those that it forks, are gone, whatever ended them.
 *
 * Return: CMD_OK, or CMD_FAILED after having told the user.
 */
int nat_start(const char *tap, unsigned int number);

/**
 * nat_ready - there will be no more nat_start(); nat_prepare() need not have been called
 */
void nat_ready(void);

/**
 * nat_find_dns - name servers that a guest can ask
 * @dns: out: their addresses, in the order of the net's bytes
 *
 * Return: how many; those that only the host itself reaches are not among them.
 */
unsigned int nat_find_dns(uint8_t dns[DHCP_MAX_DNS][4]);

/**
 * nat_read_dns - the same, of a file as resolv.conf(5) has it
 * @file: its name
 * @dns: out
 *
 * Return: how many, 0 too if it cannot be read.
 */
unsigned int nat_read_dns(const char *file, uint8_t dns[DHCP_MAX_DNS][4]);

#endif /* VMCTL_NAT_H */
