// SPDX-License-Identifier: GPL-2.0-only
/*
 * A workload (see paced.h) of execs, one for each event: vfork(), execve() with four arguments, and
 * waiting for the end. What is executed is a static program of one page that only ends, so that
 * little is left but the exec; it is written here, into a /mnt of its own.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "paced.h"
#include "private.h"

enum { STATUS = 23, ADDRESS = 0x400000 };

static const char file[] = "/mnt/bpfkit-exec";
static char *const arguments[] = { (char *)file, "--of", "tests/workload/runs.c", "23", NULL };
static char *const environment[] = { NULL };
static long ran;

/* exit_group(STATUS) */
#if defined(__x86_64__)
enum { MACHINE = EM_X86_64 };
asm(".globl code, code_end\n"
    "code: mov $231, %eax; mov $23, %edi; syscall\n"
    "code_end:");
#elif defined(__aarch64__)
enum { MACHINE = EM_AARCH64 };
asm(".globl code, code_end\n"
    "code: mov x8, #94; mov x0, #23; svc #0\n"
    "code_end:");
#else
#error "no program for this architecture"
#endif
extern const char code[], code_end[];

static struct {
	Elf64_Ehdr head;
	Elf64_Phdr parts[2];
	char code[32];
} program = {
	.head = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = MACHINE,
		.e_version = EV_CURRENT,
		.e_entry = ADDRESS + sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr),
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
	},
	.parts = {
		{ .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = ADDRESS,
		  .p_filesz = sizeof(program), .p_memsz = sizeof(program), .p_align = 0x1000 },
		{ .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W },
	},
};

static void prepare(void)
{
	int fd;

	memcpy(program.code, code, code_end - code);
	private_mnt();
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	if (fd < 0 || write(fd, &program, sizeof(program)) != sizeof(program) || close(fd))
		err(1, "%s", file);
}

static void make(long count)
{
	while (count--) {
		pid_t pid = vfork();
		int status;

		if (!pid) {
			execve(file, arguments, environment);
			_exit(1);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			err(1, "vfork");
		ran += WIFEXITED(status) && WEXITSTATUS(status) == STATUS;
	}
}

/* The programs that ended as only this one does. */
static long made(void)
{
	return ran;
}
