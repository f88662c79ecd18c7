/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What kmod/dev/ wants of the kernel, for user space: a clock that a test moves,
 * timers that go off by it, interrupt lines that are counted.  One thread, so a
 * lock that is taken twice is a fault of the device.
 */
#ifndef SELFTESTS_NATIVE_DEVSHIM_H
#define SELFTESTS_NATIVE_DEVSHIM_H

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/types.h>
#include <time.h>

#include "kshim.h"

/* The sources shall include the kernel's headers, which are empty here, but not these */
#define __KERNEL__
#define LODGE_ALLOC_H
#define LODGE_COMPAT_H
#define _LINUX_TIME_H	/* of the C library's neighbour: has struct timeval again */

#undef noinline		/* a word of ktap.h's attributes */

#define __rcu

/* Nobody else is there */
#define rcu_read_lock()			do { } while (0)
#define rcu_read_unlock()		do { } while (0)
#define rcu_dereference(p)		(p)
#define rcu_dereference_protected(p, c)	(p)
#define rcu_access_pointer(p)		(p)
#define rcu_assign_pointer(p, v)	((p) = (v))
#define RCU_INIT_POINTER(p, v)		((p) = (v))
#define synchronize_rcu()		do { } while (0)

#define NSEC_PER_SEC		1000000000L
#define NSEC_PER_MSEC		1000000L
#define ERESTARTSYS		512

#define container_of(p, type, member) \
	((type *)((char *)(p) - offsetof(type, member)))

/* What a wrong guess would read is nothing here, but an index out of range is a fault */
#define array_index_nospec(i, n) \
	({ \
		__typeof__(i) _i = (i); \
		WARN_ON(_i >= (n)); \
		_i; \
	})

/* ---- locks --------------------------------------------------------------- */

typedef struct {
	bool held;
} raw_spinlock_t;

static inline void raw_spin_lock_init(raw_spinlock_t *lock)
{
	lock->held = false;
}

static inline void shim_lock(raw_spinlock_t *lock)
{
	WARN_ON(lock->held);
	lock->held = true;
}

static inline void shim_unlock(raw_spinlock_t *lock)
{
	WARN_ON(!lock->held);
	lock->held = false;
}

#define raw_spin_lock_irqsave(lock, flags)	((flags) = 0, shim_lock(lock))
#define raw_spin_unlock_irqrestore(lock, flags)	((void)(flags), shim_unlock(lock))

struct mutex {
	bool held;
};

#define mutex_init(m)			((m)->held = false)
#define mutex_trylock(m)		(!(m)->held && ((m)->held = true))
#define mutex_lock_interruptible(m)	(WARN_ON((m)->held), (m)->held = true, 0)
#define mutex_unlock(m)			((m)->held = false)

/* ---- arithmetic ---------------------------------------------------------- */

/* The kernel's faults where the quotient is wider than 64 bits */
static inline u64 mul_u64_u64_div_u64(u64 a, u64 mul, u64 div)
{
	unsigned __int128 q = (unsigned __int128)a * mul / div;

	WARN_ON(q >> 64);
	return q;
}

static inline u8 bin2bcd(unsigned int v)
{
	return v / 10 % 16 << 4 | v % 10;
}

static inline unsigned int bcd2bin(u8 v)
{
	return (v >> 4) * 10 + (v & 15);
}

s64 mktime64(unsigned int year, unsigned int month, unsigned int day, unsigned int hour,
	     unsigned int minute, unsigned int second);
void time64_to_tm(s64 seconds, int offset, struct tm *tm);

/* ---- time ---------------------------------------------------------------- */

typedef s64 ktime_t;

u64 ktime_get_ns(void);
u64 ktime_get_real_ns(void);

static inline ktime_t ns_to_ktime(u64 ns)
{
	return ns;
}

enum hrtimer_restart {
	HRTIMER_NORESTART,
	HRTIMER_RESTART,
};

enum hrtimer_mode {
	HRTIMER_MODE_ABS_HARD,
	HRTIMER_MODE_REL_SOFT,
};

/* @expires is on the timer's clock */
struct hrtimer {
	enum hrtimer_restart (*function)(struct hrtimer *timer);
	int clock;
	enum hrtimer_mode mode;
	bool queued;
	u64 expires;
	struct hrtimer *next;
};

void compat_hrtimer_setup(struct hrtimer *timer,
			  enum hrtimer_restart (*function)(struct hrtimer *timer),
			  int clock, enum hrtimer_mode mode);
void hrtimer_start(struct hrtimer *timer, ktime_t expires, enum hrtimer_mode mode);
int hrtimer_try_to_cancel(struct hrtimer *timer);
int hrtimer_cancel(struct hrtimer *timer);

/* ---- interrupts ---------------------------------------------------------- */

struct lodge_irq;

void lodge_route_set_gsi(struct lodge_irq *irq, unsigned int gsi, bool level);

struct irq_work {
	void (*func)(struct irq_work *work);
	bool pending;
};

static inline void init_irq_work(struct irq_work *work, void (*func)(struct irq_work *work))
{
	work->func = func;
	work->pending = false;
}

void irq_work_queue(struct irq_work *work);
void irq_work_sync(struct irq_work *work);

/* ---- waiting ------------------------------------------------------------- */

/* @sleepers is the test's to set */
typedef struct {
	unsigned int sleepers;
	unsigned int wakes;
} wait_queue_head_t;

#define init_waitqueue_head(q)		(*(q) = (wait_queue_head_t){ 0 })
#define waitqueue_active(q)		((q)->sleepers)	/* one thread: no races */
#define wake_up_interruptible(q)	((q)->wakes++)

/* A test's answer to a wait: false is a signal */
extern bool (*shim_wait)(void);

#define wait_event_interruptible(q, cond)				\
	({								\
		int _ret = 0;						\
		(q).sleepers++;						\
		while (!(cond) && !_ret)				\
			_ret = shim_wait && shim_wait() ? 0 : -ERESTARTSYS; \
		(q).sleepers--;						\
		_ret;							\
	})

#define cond_resched()			((void)0)
#define signal_pending(task)		0

/* ---- files --------------------------------------------------------------- */

#define __user
#define THIS_MODULE	NULL

typedef unsigned int __poll_t;
typedef int poll_table;
struct inode;

struct file {
	void *private_data;
	unsigned int f_flags;
};

struct file_operations {
	void *owner;
	ssize_t (*read)(struct file *file, char __user *buf, size_t len, loff_t *pos);
	ssize_t (*write)(struct file *file, const char __user *buf, size_t len, loff_t *pos);
	__poll_t (*poll)(struct file *file, poll_table *table);
	long (*unlocked_ioctl)(struct file *file, unsigned int cmd, unsigned long arg);
	void *compat_ioctl;
	int (*release)(struct inode *inode, struct file *file);
	void *llseek;
};

#define noop_llseek			NULL
#define compat_ptr_ioctl		NULL
#define poll_wait(file, q, table)	((void)(q))

int anon_inode_getfd(const char *name, const struct file_operations *fops, void *priv, int flags);

/* Bytes that may be copied before user memory ends */
extern size_t shim_user_bytes;

unsigned long copy_to_user(void *to, const void *from, size_t n);
unsigned long copy_from_user(void *to, const void *from, size_t n);

/* ---- memory -------------------------------------------------------------- */

#define GFP_KERNEL_ACCOUNT	0

void *lodge_alloc_large(size_t size, int gfp);
void kvfree(void *p);

#endif /* SELFTESTS_NATIVE_DEVSHIM_H */
