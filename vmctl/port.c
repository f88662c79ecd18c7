// SPDX-License-Identifier: GPL-2.0-only
/*
 * Named ports: a thread for each copies between the module's descriptor and a file or a socket.
 *
 * While nobody is connected to a socket the module's descriptor is closed, so that the guest is not
 * held up and the module keeps the last that it has written, for who connects next.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd.h"
#include "port.h"
#include "vm.h"

#define GRACE_MS	2000	/* for who reads slowly, when who has written that is gone */
#define RETRY_MS	200

#define LOCK_MS		5000	/* for who starts or ends; longer than that it is somebody else */

/* Bytes that were read and are to be written */
struct way {
	char data[4096];
	size_t at;
	size_t len;
};

static bool port_name_valid(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '/')
			return false;
	return len && len < LODGE_PORT_NAME_LEN && strncmp(name, ".", len) &&
	       strncmp(name, "..", len);
}

/**
 * port_parse - NAME=FILE or NAME=unix:SOCKET
 * @p: to fill
 * @value: the option's
 *
 * Return: CMD_OK or CMD_USAGE.
 */
int port_parse(struct port *p, const char *value)
{
	const char *path = strchr(value, '=');

	*p = (struct port){ .fd = -1 };
	if (!path || !port_name_valid(value, path - value))
		return cmd_error(CMD_USAGE, "--port takes NAME=FILE or NAME=unix:SOCKET, with a name of 1 to %d characters that are no spaces and no '/', not \"%s\"",
				 LODGE_PORT_NAME_LEN - 1, value);
	memcpy(p->name, value, path - value);
	p->path = path + 1;
	p->is_socket = !strncmp(p->path, "unix:", 5);
	if (p->is_socket)
		p->path += 5;
	if (!*p->path)
		return cmd_error(CMD_USAGE, "--port %s: there is no path", p->name);
	if (p->is_socket && strlen(p->path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return cmd_error(CMD_USAGE, "--port %s: the path of a socket is shorter than that",
				 p->name);
	return CMD_OK;
}

/* ---- files and sockets --------------------------------------------------- */

/*
 * Between bind() and listen() a socket looks as one of the dead, and between a look at a dead one
 * and unlink() another may come to its place: other vmctl wait meanwhile.  Who may read the
 * directory may lock it as well, so nobody waits for ever.
 *
 * Return: to be closed, or -1.
 */
static int lock_directory(const char *path)
{
	char name[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int i, fd;

	snprintf(name, sizeof(name), "%s", path);
	fd = open(dirname(name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (i = 0; i < LOCK_MS / 10 && fd >= 0 && flock(fd, LOCK_EX | LOCK_NB); i++)
		poll(NULL, 0, 10);
	return fd;
}

static void unlock_directory(int lock)
{
	if (lock >= 0)
		close(lock);
}

/*
 * A socket that nobody listens on is what is left of somebody who was killed.  Any other file
 * refuses connections as well, and is the user's.  Who has no time for one more connection lives.
 */
static bool is_left_over(const struct sockaddr_un *un)
{
	struct stat st;
	bool refused;
	int fd;

	if (lstat(un->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	refused = connect(fd, (const struct sockaddr *)un, sizeof(*un)) && errno == ECONNREFUSED;
	close(fd);
	return refused;
}

/* 0 or an errno */
static int bind_to(struct port *p, const struct sockaddr_un *un)
{
	struct stat st;

	if (bind(p->fd, (const struct sockaddr *)un, sizeof(*un)) || lstat(p->path, &st))
		return errno;
	p->dev = st.st_dev;
	p->ino = st.st_ino;
	return 0;
}

/* 0 or an errno, with no socket: what lies there is not ours to take away */
static int listen_at(struct port *p)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int error, lock;

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", p->path);
	p->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->fd < 0)
		return errno;
	lock = lock_directory(p->path);
	error = bind_to(p, &un);
	if (error == EADDRINUSE && is_left_over(&un)) {
		unlink(p->path);
		error = bind_to(p, &un);
	}
	if (!error && listen(p->fd, 4))
		error = errno;
	unlock_directory(lock);
	if (error) {
		close(p->fd);
		p->fd = -1;
	}
	return error;
}

/**
 * port_open - the file, or the socket
 * @p: from port_parse()
 *
 * Return: CMD_OK or CMD_FAILED.
 */
int port_open(struct port *p)
{
	int error = 0;

	if (p->is_socket) {
		error = listen_at(p);
	} else {
		p->fd = open(p->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (p->fd < 0)
			error = errno;
	}
	if (error)
		return cmd_error(CMD_FAILED, "--port %s: %s: %s", p->name, p->path,
				 strerror(error));
	return CMD_OK;
}

/* While it is open no other file has its number */
static void take_away(const struct port *p)
{
	int lock = lock_directory(p->path);
	struct stat st;

	if (!lstat(p->path, &st) && st.st_dev == p->dev && st.st_ino == p->ino)
		unlink(p->path);
	unlock_directory(lock);
}

void port_close(struct port *p)
{
	if (p->fd < 0)
		return;
	if (p->is_socket)
		take_away(p);
	close(p->fd);
	p->fd = -1;
}

/* ---- copying ------------------------------------------------------------- */

static bool is_empty(const struct way *w)
{
	return w->at == w->len;
}

/* Return: false if there will be no more */
static bool fetch(int fd, struct way *w)
{
	ssize_t n = read(fd, w->data, sizeof(w->data));

	w->at = 0;
	w->len = n > 0 ? n : 0;
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Return: false if nothing can be written there any more */
static bool pass_on(int fd, struct way *w)
{
	ssize_t n = write(fd, w->data + w->at, w->len - w->at);

	if (n > 0)
		w->at += n;
	return n >= 0 || errno == EAGAIN || errno == EINTR;
}

/* What one who writes no more has written at last; @out may be slow */
static void drain(int in, int out, struct way *w)
{
	struct pollfd p = { .fd = out, .events = POLLOUT };

	for (;;) {
		if (is_empty(w))
			fetch(in, w);
		if (is_empty(w) || poll(&p, 1, GRACE_MS) <= 0 || !pass_on(out, w))
			return;
	}
}

static void serve_file(const struct port *port, int con)
{
	struct pollfd p[] = {
		{ .fd = con, .events = POLLIN },
		{ .fd = port->stop, .events = POLLIN },
	};
	struct way w = { .len = 0 };
	bool good = true;

	while (!p[1].revents) {
		poll(p, 2, -1);
		if (!p[0].revents)
			continue;
		fetch(con, &w);
		/* what finds no room is lost: the guest does not wait for that */
		while (good && !is_empty(&w))
			good = pass_on(port->fd, &w);
	}
	if (good)
		drain(con, port->fd, &w);
}

/**
 * struct talk - somebody is connected
 * @con: the module's descriptor
 * @client: the connection
 * @out: what the guest writes
 * @in: what it is sent
 * @more: the other end may send more
 */
struct talk {
	int con;
	int client;
	struct way out;
	struct way in;
	bool more;
};

/* Return: false if the other end has gone */
static bool copy_both(struct talk *t, short con, short client)
{
	if (client & POLLIN)
		t->more = fetch(t->client, &t->in);
	if (!is_empty(&t->in) && (con & POLLOUT))
		pass_on(t->con, &t->in);
	if (client & (POLLHUP | POLLERR))
		return false;
	if (con & POLLIN)
		fetch(t->con, &t->out);
	return is_empty(&t->out) || pass_on(t->client, &t->out);
}

static void serve_client(const struct port *port, int con, int client)
{
	struct talk t = { .con = con, .client = client, .more = true };
	bool there = true;

	while (there) {
		struct pollfd p[] = {
			{ .fd = con, .events = (is_empty(&t.out) ? POLLIN : 0) |
					       (is_empty(&t.in) ? 0 : POLLOUT) },
			{ .fd = client, .events = (is_empty(&t.out) ? 0 : POLLOUT) |
						  (t.more && is_empty(&t.in) ? POLLIN : 0) },
			{ .fd = port->stop, .events = POLLIN },
		};

		poll(p, 3, -1);
		if (p[2].revents) {
			drain(con, client, &t.out);
			return;
		}
		there = copy_both(&t, p[0].revents, p[1].revents);
	}
	/* the guest may never read it, and meanwhile nobody reads what it writes */
	drain(client, con, &t.in);
}

/* Until the guest ends, one after the other */
static void serve_socket(const struct port *port)
{
	struct pollfd p[] = {
		{ .fd = port->fd, .events = POLLIN },
		{ .fd = port->stop, .events = POLLIN },
	};
	int client, con;

	for (;;) {
		poll(p, 2, -1);
		client = -1;
		if (p[0].revents)
			client = accept4(port->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		con = client >= 0 ? vm_console(port->vm, port->which) : -1;
		if (con >= 0) {
			serve_client(port, con, client);
			close(con);
		}
		if (client >= 0) {
			close(client);
			continue;
		}
		if (p[1].revents)
			return;
		/* there may be no descriptor for who waits to be let in */
		poll(&p[1], 1, RETRY_MS);
	}
}

static void *port_thread(void *arg)
{
	struct port *port = arg;
	sigset_t pipe;
	int con;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, NULL);
	pthread_setname_np(pthread_self(), "port");
	if (port->is_socket) {
		serve_socket(port);
		return NULL;
	}
	con = vm_console(port->vm, port->which);
	if (con < 0)
		return NULL;
	serve_file(port, con);
	close(con);
	return NULL;
}

int port_start(struct port *p, struct vm *vm, unsigned int nr)
{
	int error;

	p->vm = vm;
	p->which = LODGE_CONSOLE_PORT + nr;
	p->stop = eventfd(0, EFD_CLOEXEC);
	error = p->stop < 0 ? errno : pthread_create(&p->thread, NULL, port_thread, p);
	p->started = !error;
	if (!error)
		return 0;
	if (p->stop >= 0)
		close(p->stop);
	cmd_error(CMD_FAILED, "--port %s: cannot start a thread: %s", p->name, strerror(error));
	return -1;
}

void port_stop(struct port *p)
{
	uint64_t one = 1;

	if (!p->started)
		return;
	if (write(p->stop, &one, sizeof(one)) == sizeof(one))
		pthread_join(p->thread, NULL);
	close(p->stop);
	p->started = false;
}
