/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What kmod/virtio/vq.c wants of the kernel, for user space: guest memory that
 * vq_model.h has.
 */
#ifndef SELFTESTS_NATIVE_VQSHIM_H
#define SELFTESTS_NATIVE_VQSHIM_H

#include <linux/types.h>
#include <linux/uio.h>

#include "kshim.h"

/* Memory is the model's */
#define LODGE_MEM_H

#undef noinline		/* a word of ktap.h's attributes */

#define U32_MAX		UINT32_MAX

#define cpu_to_le16(v)	((__le16)(v))
#define cpu_to_le32(v)	((__le32)(v))
#define cpu_to_le64(v)	((__le64)(v))
#define le16_to_cpu(v)	((u16)(v))
#define le32_to_cpu(v)	((u32)(v))
#define le64_to_cpu(v)	((u64)(v))

/* The model has its say at each access instead */
#define smp_mb()	((void)0)
#define smp_rmb()	((void)0)
#define smp_wmb()	((void)0)

static inline bool is_power_of_2(unsigned long n)
{
	return n && !(n & (n - 1));
}

typedef u64 gpa_t;

struct lodge_mem {
	unsigned int accesses;
};

struct lodge_mem_near {
	unsigned int unused;
};

#define lodge_mem_read_near(mem, near, gpa, buf, len)	\
	((void)(near), lodge_mem_read(mem, gpa, buf, len))
#define lodge_mem_write_near(mem, near, gpa, buf, len)	\
	((void)(near), lodge_mem_write(mem, gpa, buf, len))

#define lodge_mem_hold(mem, near)	((void)(near), false)
#define lodge_mem_release(mem, near)	((void)(near))

int lodge_mem_read(struct lodge_mem *mem, gpa_t gpa, void *buf, size_t len);
int lodge_mem_write(struct lodge_mem *mem, gpa_t gpa, const void *buf, size_t len);
int lodge_mem_iov(struct lodge_mem *mem, struct lodge_mem_near *near, gpa_t gpa, size_t len,
		  bool write, struct iovec *iov, unsigned int max);
void lodge_mem_log(struct lodge_mem *mem, gpa_t gpa, size_t len);

#endif /* SELFTESTS_NATIVE_VQSHIM_H */
