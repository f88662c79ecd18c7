// SPDX-License-Identifier: GPL-2.0-only
/*
 * payload BZIMAGE - prints the compressed kernel inside a bzImage, ready for xz, zstd and so on.
 *
 * A bzImage spends most of an emulated boot decompressing itself; `kernel` does that once, here.
 */
#include "file.h"

#define SETUP_SECTS	0x1f1
#define HEADER_MAGIC	0x202
#define PAYLOAD_OFFSET	0x248
#define PAYLOAD_LENGTH	0x24c

static __u32 get32(const __u8 *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (__u32)p[3] << 24;
}

int main(int argc, char **argv)
{
	__u64 offset, length;
	const __u8 *p;
	struct map m;

	if (argc != 2)
		die("usage: payload BZIMAGE");
	m = map_file(argv[1]);
	if (m.size < 0x1000 || memcmp(m.data + HEADER_MAGIC, "HdrS", 4))
		die("%s: not a bzImage", argv[1]);
	offset = (m.data[SETUP_SECTS] ? m.data[SETUP_SECTS] : 4) * 512 + 512;
	offset += get32(m.data + PAYLOAD_OFFSET);
	length = get32(m.data + PAYLOAD_LENGTH);
	if (length < 8 || offset + length > m.size)
		die("%s: no payload", argv[1]);
	p = m.data + offset;
	/* All but gzip end with the unpacked size, which the decompressors do not expect. */
	if (p[0] != 0x1f || p[1] != 0x8b)
		length -= 4;
	write_all(STDOUT_FILENO, p, length);
	return 0;
}
