// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/lodge and the descriptors of VMs and vCPUs: ioctls, mmap, release.
 *
 * A table tells each call's handler and argument; the dispatcher copies the
 * argument in, calls the handler, and copies it out.  Handlers find their vCPU
 * locked where the table says so.
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/sched.h>
#include <linux/security.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <linux/lodge.h>

#include "chardev.h"
#include "main.h"
#include "registry.h"
#include "state.h"
#include "virtio/balloon.h"
#include "vm.h"
#include "vmx/caps.h"

#define CALL_ARG_MAX	512

/**
 * union lodge_arg - an ioctl's argument, copied in
 * @size: the first member of all of them
 * @room: for the largest
 */
union lodge_arg {
	__u32 size;
	u64 room[CALL_ARG_MAX / 8];
};

/**
 * struct lodge_call - one ioctl
 * @min: bytes of the structure's first version
 * @size: bytes of the structure as this module knows it
 * @out: copied back to user space
 * @lock: the vCPU is locked around the handler
 * @handler: gets the object of the descriptor and the argument
 */
struct lodge_call {
	u16 min;
	u16 size;
	bool out;
	bool lock;
	long (*handler)(void *object, void *arg);
};

#define CALL(nr, type, is_out, is_lock, fn) \
	[_IOC_NR(nr)] = { sizeof(type), sizeof(type), is_out, is_lock, fn }

/* Copies what the kernel knows of the caller's structure; see uapi/linux/lodge.h */
static long copy_in(const struct lodge_call *call, union lodge_arg *arg, void __user *user)
{
	u32 size;

	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	if (size < call->min || size > PAGE_SIZE)
		return -EINVAL;
	return copy_struct_from_user(arg, call->size, user, size);
}

static noinline long call_with_arg(const struct lodge_call *call, void *object,
				   unsigned long user)
{
	union lodge_arg arg = {};
	u32 size;
	long ret;

	ret = copy_in(call, &arg, (void __user *)user);
	if (ret)
		return ret;
	size = min_t(u32, arg.size, call->size);
	ret = call->handler(object, &arg);
	if (call->out && (ret >= 0 || ret == -E2BIG) &&
	    copy_to_user((void __user *)user, &arg, size))
		return -EFAULT;
	return ret;
}

static long call_one(const struct lodge_call *call, void *object, unsigned long user)
{
	return call->size ? call_with_arg(call, object, user) : call->handler(object, NULL);
}

static const struct lodge_call *find_call(const struct lodge_call *calls, unsigned int nr,
					  unsigned int cmd)
{
	unsigned int i = _IOC_NR(cmd);

	if (cmd != LODGE_IOC(i) || i >= nr)
		return NULL;
	i = array_index_nospec(i, nr);
	return calls[i].handler ? &calls[i] : NULL;
}

/* ---- vCPU ---------------------------------------------------------------- */

static long vcpu_interrupt(void *object, void *arg)
{
	struct lodge_interrupt *a = arg;

	return lodge_vcpu_interrupt(object, a->vector);
}

static long vcpu_nmi(void *object, void *arg)
{
	lodge_vcpu_nmi(object);
	return 0;
}

#define STATE_CALL(NAME, type, fn) \
	CALL(LODGE_VCPU_GET_##NAME, struct type, true, true, lodge_state_get_##fn), \
	CALL(LODGE_VCPU_SET_##NAME, struct type, false, true, lodge_state_set_##fn)

static const struct lodge_call vcpu_calls[] = {
	[_IOC_NR(LODGE_VCPU_NMI)] = { 0, 0, false, false, vcpu_nmi },
	CALL(LODGE_VCPU_INTERRUPT, struct lodge_interrupt, false, false, vcpu_interrupt),
	STATE_CALL(REGS, lodge_regs, regs),
	STATE_CALL(SREGS, lodge_sregs, sregs),
	STATE_CALL(DEBUG, lodge_debug, debug),
	STATE_CALL(XSAVE, lodge_xsave, xsave),
	STATE_CALL(MSRS, lodge_msrs, msrs),
	STATE_CALL(CPUID, lodge_cpuid, cpuid),
	STATE_CALL(EVENTS, lodge_events, events),
	CALL(LODGE_VCPU_GET_MP, struct lodge_mp, true, false, lodge_state_get_mp),
	CALL(LODGE_VCPU_SET_MP, struct lodge_mp, false, false, lodge_state_set_mp),
	CALL(LODGE_VCPU_GET_STATS, struct lodge_stats, true, false, lodge_state_get_stats),
};

static long vcpu_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	struct lodge_vcpu *vcpu = file->private_data;
	const struct lodge_call *call = NULL;
	long ret;

	/* the one that matters does not go through the table */
	if (cmd != LODGE_VCPU_RUN) {
		call = find_call(vcpu_calls, ARRAY_SIZE(vcpu_calls), cmd);
		if (!call)
			return -ENOTTY;
	}
	if (vcpu->vm->mm != current->mm)
		return -EIO;
	if (call && !call->lock)
		return call_one(call, vcpu, user);
	if (!mutex_trylock(&vcpu->lock) && mutex_lock_interruptible(&vcpu->lock))
		return -EINTR;
	ret = call ? call_one(call, vcpu, user) : lodge_vcpu_run(vcpu);
	mutex_unlock(&vcpu->lock);
	return ret;
}

static int vcpu_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct lodge_vcpu *vcpu = file->private_data;

	if (!(vma->vm_flags & VM_SHARED) || vma->vm_end - vma->vm_start > LODGE_RUN_SIZE)
		return -EINVAL;
	return remap_vmalloc_range(vma, vcpu->run, vma->vm_pgoff);
}

static int vcpu_flush(struct file *file, fl_owner_t id)
{
	struct lodge_vcpu *vcpu = file->private_data;

	lodge_vm_let_go(vcpu->vm);
	return 0;
}

static int vcpu_release(struct inode *inode, struct file *file)
{
	struct lodge_vcpu *vcpu = file->private_data;

	lodge_registry_closing(vcpu->vm);
	lodge_vm_remove_vcpu(vcpu->vm, vcpu);
	lodge_vcpu_destroy(vcpu);
	return 0;
}

static const struct file_operations vcpu_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vcpu_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = vcpu_mmap,
	.flush = vcpu_flush,
	.release = vcpu_release,
	.llseek = noop_llseek,
};

/* ---- VM ------------------------------------------------------------------ */

static long vm_set_slot(void *object, void *arg)
{
	struct lodge_vm *vm = object;

	return lodge_mem_set_slot(&vm->mem, arg);
}

static long vm_get_dirty(void *object, void *arg)
{
	struct lodge_vm *vm = object;

	/* what vCPUs have in their logs is written out as they leave the guest */
	lodge_vm_kick_all(vm);
	return lodge_mem_get_dirty(&vm->mem, arg);
}

/* The descriptor is installed last: from then on user space can use the vCPU */
static long vm_create_vcpu(void *object, void *arg)
{
	const struct lodge_create_vcpu *a = arg;
	struct lodge_vm *vm = object;
	struct lodge_vcpu *vcpu;
	struct file *file;
	int fd, err;

	if (a->id >= LODGE_MAX_VCPUS)
		return -EINVAL;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	vcpu = lodge_vcpu_create(vm, array_index_nospec(a->id, LODGE_MAX_VCPUS));
	if (IS_ERR(vcpu)) {
		err = PTR_ERR(vcpu);
		goto err_fd;
	}
	err = lodge_vm_add_vcpu(vm, vcpu);
	if (err)
		goto err_vcpu;
	file = anon_inode_getfile("lodge-vcpu", &vcpu_fops, vcpu, O_RDWR);
	if (IS_ERR(file)) {
		err = PTR_ERR(file);
		goto err_remove;
	}
	fd_install(fd, file);
	return fd;

err_remove:
	lodge_vm_remove_vcpu(vm, vcpu);
err_vcpu:
	lodge_vcpu_destroy(vcpu);
err_fd:
	put_unused_fd(fd);
	return err;
}

static long vm_set_gsi(void *object, void *arg)
{
	const struct lodge_gsi *a = arg;
	struct lodge_vm *vm = object;

	if (!vm->machine)
		return -ENODEV;
	if (a->gsi >= LODGE_IOAPIC_PINS || a->level > 1 || a->pad)
		return -EINVAL;
	lodge_route_set_gsi(&vm->machine->irq, array_index_nospec(a->gsi, LODGE_IOAPIC_PINS),
			    a->level);
	return 0;
}

static long vm_msi(void *object, void *arg)
{
	const struct lodge_msi *a = arg;
	struct lodge_vm *vm = object;

	if (!vm->machine)
		return -ENODEV;
	if (a->address >> 20 != 0xfee)
		return -EINVAL;
	lodge_route_msi(&vm->machine->irq, a->address, a->data);
	return 0;
}

static void put_vm(void *owner)
{
	lodge_vm_put(owner);
}

static long vm_console(void *object, void *arg)
{
	const struct lodge_open_console *a = arg;
	struct lodge_vm *vm = object;
	struct lodge_console *con;
	int fd;

	if (!vm->machine)
		return -ENODEV;
	if (a->which >= LODGE_CONSOLE_PORT + LODGE_MAX_PORTS || a->flags || a->pad)
		return -EINVAL;
	con = lodge_vm_console(vm, a->which);
	if (!con)
		return -ENODEV;
	lodge_vm_get(vm);
	fd = lodge_console_open(con, put_vm, vm);
	if (fd < 0)
		lodge_vm_put(vm);
	return fd;
}

static long vm_balloon(void *object, void *arg)
{
	struct lodge_vm *vm = object;
	struct lodge_virtio *dev;
	int fd;

	dev = vm->machine ? lodge_virtio_only(&vm->machine->virtio.balloon) : NULL;
	if (!dev)
		return -ENODEV;
	lodge_vm_get(vm);
	fd = lodge_balloon_open(dev, put_vm, vm);
	if (fd < 0)
		lodge_vm_put(vm);
	return fd;
}

static long vm_vsock(void *object, void *arg)
{
	int fd;

	lodge_vm_get(object);
	fd = lodge_vm_vsock(object, arg, put_vm);
	if (fd < 0)
		lodge_vm_put(object);
	return fd;
}

static long vm_end(void *object, void *arg)
{
	return lodge_registry_set_end(object, arg);
}

static long vm_add_device(void *object, void *arg)
{
	return lodge_vm_add_device(object, arg);
}

/* Descriptors for files, as struct lodge_add_device has them; none are left after a failure */
static int install(struct lodge_add_device *a, struct file **files)
{
	int fds[LODGE_MAX_PAIRS];
	unsigned int i, n;
	int err = 0;

	for (n = 0; n < LODGE_MAX_PAIRS && files[n]; n++) {
		fds[n] = get_unused_fd_flags(O_CLOEXEC);
		if (fds[n] < 0) {
			err = fds[n];
			break;
		}
	}
	for (i = 0; i < n && !err; i++) {
		fd_install(fds[i], files[i]);
		*(i ? &a->fds[i - 1] : &a->fd) = fds[i];
	}
	if (!err)
		return 0;
	while (n--)
		put_unused_fd(fds[n]);
	for (n = 0; n < LODGE_MAX_PAIRS && files[n]; n++)
		fput(files[n]);
	return err;
}

static long vm_get_device(void *object, void *arg)
{
	struct file *files[LODGE_MAX_PAIRS];
	struct lodge_vm *vm = object;
	int err, slot;

	if (!vm->machine)
		return -ENODEV;
	slot = lodge_virtio_recall(&vm->machine->virtio, arg, files);
	if (slot < 0)
		return slot;
	err = install(arg, files);
	return err ? err : slot;
}

static long vm_add_file(void *object, void *arg)
{
	return lodge_vm_add_file(object, arg);
}

static long vm_ioeventfd(void *object, void *arg)
{
	return lodge_vm_ioeventfd(object, arg);
}

static long vm_irqfd(void *object, void *arg)
{
	struct lodge_vm *vm = object;

	return vm->machine ? lodge_irqfd_change(&vm->machine->irqfds, arg) : -ENODEV;
}

static const struct lodge_call vm_calls[] = {
	[_IOC_NR(LODGE_VM_BALLOON)] = { 0, 0, false, false, vm_balloon },
	CALL(LODGE_VM_SET_SLOT, struct lodge_slot, false, false, vm_set_slot),
	CALL(LODGE_VM_GET_DIRTY, struct lodge_dirty_log, false, false, vm_get_dirty),
	CALL(LODGE_VM_CREATE_VCPU, struct lodge_create_vcpu, false, false, vm_create_vcpu),
	CALL(LODGE_VM_SET_GSI, struct lodge_gsi, false, false, vm_set_gsi),
	CALL(LODGE_VM_MSI, struct lodge_msi, false, false, vm_msi),
	CALL(LODGE_VM_CONSOLE, struct lodge_open_console, false, false, vm_console),
	CALL(LODGE_VM_IOEVENTFD, struct lodge_ioeventfd, false, false, vm_ioeventfd),
	CALL(LODGE_VM_IRQFD, struct lodge_irqfd, false, false, vm_irqfd),
	CALL(LODGE_VM_END, struct lodge_vm_end, false, false, vm_end),
	CALL(LODGE_VM_ADD_DEVICE, struct lodge_add_device, false, false, vm_add_device),
	CALL(LODGE_VM_VSOCK, struct lodge_vsock, false, false, vm_vsock),
	CALL(LODGE_VM_GET_DEVICE, struct lodge_add_device, true, false, vm_get_device),
	CALL(LODGE_VM_ADD_FILE, struct lodge_add_file, false, false, vm_add_file),
};

static long vm_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	struct lodge_vm *vm = file->private_data;
	const struct lodge_call *call = find_call(vm_calls, ARRAY_SIZE(vm_calls), cmd);

	if (!call)
		return -ENOTTY;
	if (vm->mm != current->mm)
		return -EIO;
	return call_one(call, vm, user);
}

static int vm_flush(struct file *file, fl_owner_t id)
{
	lodge_vm_let_go(file->private_data);
	return 0;
}

static int vm_release(struct inode *inode, struct file *file)
{
	lodge_registry_closing(file->private_data);
	lodge_vm_put(file->private_data);
	return 0;
}

static const struct file_operations vm_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vm_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.flush = vm_flush,
	.release = vm_release,
	.llseek = noop_llseek,
};

/* ---- /dev/lodge ---------------------------------------------------------- */

static long dev_get_info(void *object, void *arg)
{
	struct lodge_info *info = arg;

	*info = (struct lodge_info){
		.size = info->size,
		.api_version = LODGE_API_VERSION,
		.run_size = LODGE_RUN_SIZE,
		.max_vcpus = LODGE_MAX_VCPUS,
		.max_slots = LODGE_MEM_MAX_SLOTS,
		.phys_bits = vmx_caps.phys_bits,
		.xsave_size = lodge_fpu_size(),
		.xcr0_mask = lodge_fpu_mask(),
	};
	strscpy(info->version, LODGE_VERSION, sizeof(info->version));
	return 0;
}

static long dev_get_caps(void *object, void *arg)
{
	vmx_caps_describe(arg);
	return 0;
}

/**
 * lodge_chardev_create_vm - LODGE_CREATE_VM without its last step
 * @arg: checked by lodge_vm_create()
 * @file: filled in: the VM's, which is its private_data
 *
 * The two become one by fd_install(), or go by put_unused_fd() and fput(), and the VM with them.
 *
 * Return: a descriptor that is not open yet; -EMFILE, -ENFILE, -ENOMEM, or what
 * lodge_vm_create() returned.
 */
int lodge_chardev_create_vm(const struct lodge_create_vm *arg, struct file **file)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);
	struct lodge_vm *vm;

	if (fd < 0)
		return fd;
	vm = lodge_vm_create(arg);
	if (IS_ERR(vm)) {
		put_unused_fd(fd);
		return PTR_ERR(vm);
	}
	*file = anon_inode_getfile("lodge-vm", &vm_fops, vm, O_RDWR);
	if (IS_ERR(*file)) {
		put_unused_fd(fd);
		lodge_vm_put(vm);
		return PTR_ERR(*file);
	}
	return fd;
}

static long dev_create_vm(void *object, void *arg)
{
	struct file *file;
	int fd = lodge_chardev_create_vm(arg, &file);

	if (fd >= 0)
		fd_install(fd, file);
	return fd;
}

static const struct lodge_call dev_calls[] = {
	CALL(LODGE_GET_INFO, struct lodge_info, true, false, dev_get_info),
	CALL(LODGE_GET_CAPS, struct lodge_caps, true, false, dev_get_caps),
	CALL(LODGE_CREATE_VM, struct lodge_create_vm, false, false, dev_create_vm),
};

static long dev_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	const struct lodge_call *call = find_call(dev_calls, ARRAY_SIZE(dev_calls), cmd);

	return call ? call_one(call, NULL, user) : -ENOTTY;
}

static const struct file_operations dev_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = dev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

/**
 * lodge_chardev_may_create - would the caller's LODGE_CREATE_VM on a file be heard?
 * @file: open
 *
 * Return: 0, -ENOTTY if it is not /dev/lodge, or what a security module says of the call.
 */
int lodge_chardev_may_create(struct file *file)
{
	if (file->f_op != &dev_fops)
		return -ENOTTY;
	return security_file_ioctl(file, LODGE_CREATE_VM, 0);
}

static struct miscdevice dev = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "lodge",
	.fops = &dev_fops,
	.mode = 0660,
};

/**
 * lodge_chardev_init - make /dev/lodge appear
 *
 * Return: 0 or what misc_register() returned.
 */
int lodge_chardev_init(void)
{
	BUILD_BUG_ON(sizeof(struct lodge_sregs) > sizeof(union lodge_arg));
	return misc_register(&dev);
}

/**
 * lodge_chardev_exit - mirror of lodge_chardev_init()
 *
 * No descriptor is open: each holds a reference on the module.
 */
void lodge_chardev_exit(void)
{
	misc_deregister(&dev);
}
