/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_VIRTIO_PCI_H
#define LODGE_VIRTIO_PCI_H

struct lodge_pci;
struct lodge_virtio;

int lodge_virtio_pci_add(struct lodge_pci *pci, struct lodge_virtio *dev, unsigned int slot);

#endif /* LODGE_VIRTIO_PCI_H */
