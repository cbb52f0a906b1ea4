// SPDX-License-Identifier: GPL-2.0-only
#include "probe.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bk.h"
#include "btf.h"
#include "kbtf.h"
#include "kernel.h"

/* Where a program can be attached by a type, and what has that type in the kernel's BTF. */
static const struct attach {
	const char *section, *prefix, *what; /* prefix: of the type's name */
	uint32_t kind;
	enum bpf_attach_type type;
} attaches[] = {
	{ "tp_btf/", "btf_trace_", "tracepoint", BTF_KIND_TYPEDEF, BPF_TRACE_RAW_TP },
	{ "fentry/", "", "function", BTF_KIND_FUNC, BPF_TRACE_FENTRY },
	{ "fexit/", "", "function", BTF_KIND_FUNC, BPF_TRACE_FEXIT },
	/* of another program, which bk_probe_aim() says */
	{ "program/entry", NULL, "function", 0, BPF_TRACE_FENTRY },
	{ "program/exit", NULL, "function", 0, BPF_TRACE_FEXIT },
};

/* The names that are always looked for, which are the first. */
enum { NUMBERS = BK_NUMBERS_END - BK_KFUNC_RDONLY_CAST };

struct bk_probe {
	int file; /* the small BTF */
	int handlers[ARRAY_LEN(attaches)]; /* libbpf's numbers of ours for the sections */
	char path[32];
	struct bpf_object_open_opts opts;
	int aim; /* descriptor of the program that ours attach to, and the id of its function in its BTF */
	uint32_t aim_id;
	struct bk_kbtf_name *names; /* of the object; the strings are ours */
	size_t count, room;
};

/* ---- the numbers that bpf/kernel.h stands for ---- */

static bool is_call(const struct bpf_insn *insn)
{
	return insn->code == (BPF_JMP | BPF_CALL) && !insn->src_reg;
}

static bool is_constant(const struct bpf_insn *insn)
{
	return insn->code == (BPF_ALU64 | BPF_MOV | BPF_K) ||
	       insn->code == (BPF_ALU | BPF_MOV | BPF_K);
}

/* Which of them are calls; the others are ids of types. */
static bool is_function(int i)
{
	int number = BK_KFUNC_RDONLY_CAST + i;

	return number == BK_KFUNC_RDONLY_CAST || number == BK_KFUNC_PREEMPT_DISABLE ||
	       number == BK_KFUNC_PREEMPT_ENABLE;
}

/* Has the kernel all from one to another? Where not, they stay, in code that is never reached. */
static bool has_numbers(const struct bk_probe *p, int first, int last)
{
	for (int number = first; number <= last; number++)
		if (!p->names[number - BK_KFUNC_RDONLY_CAST].id)
			return false;
	return true;
}

static int put_numbers(const struct bk_probe *p, struct bpf_program *prog)
{
	size_t n = bpf_program__insn_cnt(prog);
	struct bpf_insn *insns;
	int err;

	insns = malloc(n * sizeof(*insns));
	if (!insns)
		return -ENOMEM;
	memcpy(insns, bpf_program__insns(prog), n * sizeof(*insns));
	for (size_t i = 0; i < n; i++) {
		uint32_t number = (uint32_t)insns[i].imm - BK_KFUNC_RDONLY_CAST;

		if (number >= NUMBERS || !p->names[number].id ||
		    !(is_function(number) ? is_call(&insns[i]) : is_constant(&insns[i])))
			continue;
		if (is_function(number))
			insns[i].src_reg = BPF_PSEUDO_KFUNC_CALL;
		insns[i].imm = p->names[number].id;
	}
	err = bpf_program__set_insns(prog, insns, n);
	free(insns);
	return err;
}

/* ---- typed programs ---- */

static const struct attach *attach_of(const struct bpf_program *prog)
{
	const char *section = bpf_program__section_name(prog);

	for (size_t i = 0; i < ARRAY_LEN(attaches); i++)
		if (!strncmp(section, attaches[i].section, strlen(attaches[i].section)))
			return &attaches[i];
	return NULL;
}

/* What it attaches to, as the section says it. */
static const char *target_of(const struct bpf_program *prog)
{
	return strchr(bpf_program__section_name(prog), '/') + 1;
}

static const struct bk_kbtf_name *find_target(const struct bk_probe *p,
					      const struct bpf_program *prog)
{
	const struct attach *a = attach_of(prog);
	size_t n;

	if (!a->kind)
		return NULL;
	n = strlen(a->prefix);
	for (size_t i = NUMBERS; i < p->count; i++)
		if (p->names[i].kinds == 1u << a->kind && !strncmp(p->names[i].name, a->prefix, n) &&
		    !strcmp(p->names[i].name + n, target_of(prog)))
			return &p->names[i];
	return NULL;
}

/* libbpf calls it for each of them that is about to be loaded. */
static int prepare_load(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	const struct bk_probe *p = (void *)cookie;
	const struct bk_kbtf_name *target = find_target(p, prog);
	const struct attach *a = attach_of(prog);
	enum bpf_attach_type type = a->type;

	if (a->kind ? !target || !target->id : p->aim < 0)
		return -ESRCH;
	bpf_program__set_type(prog, BPF_PROG_TYPE_TRACING);
	bpf_program__set_expected_attach_type(prog, type);
	opts->expected_attach_type = type;
	opts->attach_btf_id = a->kind ? target->id : p->aim_id;
	if (!a->kind)
		opts->attach_prog_fd = p->aim;
	return 0;
}

bool bk_kernel_has(const struct bk_run *run, const char *type, const char *member)
{
	const struct bk_probe *p = run->probe;
	struct bk_kbtf *kernel = bk_btf_kernel();
	const struct btf_type *t = NULL;
	const struct btf_member *m;
	const char *name;

	for (size_t i = NUMBERS; kernel && i < p->count; i++)
		if (p->names[i].id && !strcmp(p->names[i].name, type))
			t = bk_kbtf_type(kernel, p->names[i].id);
	if (!t || !btf_is_struct(t))
		return false;
	m = btf_members(t);
	for (int i = 0; i < btf_vlen(t); i++) {
		name = bk_kbtf_string(kernel, m[i].name_off);
		if (name && !strcmp(name, member))
			return true;
	}
	return false;
}

int bk_probe_attach(struct bpf_object_skeleton *skeleton)
{
	for (int i = 0; i < skeleton->prog_cnt; i++) {
		struct bpf_prog_skeleton *p =
			(void *)((char *)skeleton->progs + (size_t)i * skeleton->prog_skel_sz);
		struct bpf_program *prog = *p->prog;

		if (bpf_program__fd(prog) < 0 || !attach_of(prog))
			continue;
		*p->link = bpf_program__attach_trace(prog);
		if (!*p->link)
			return -errno;
	}
	return bpf_object__attach_skeleton(skeleton);
}

/* ---- names ---- */

/* The first size bytes of a name. */
static int add_name(struct bk_probe *p, const char *name, size_t size, uint32_t kinds)
{
	char *own = strndup(name, size);

	if (own && p->count == p->room) {
		size_t room = p->room ? 2 * p->room : 128;
		struct bk_kbtf_name *names = realloc(p->names, room * sizeof(*names));

		if (!names) {
			free(own);
			return -ENOMEM;
		}
		p->names = names;
		p->room = room;
	}
	if (!own)
		return -ENOMEM;
	p->names[p->count++] = (struct bk_kbtf_name){ own, kinds, 0 };
	return 0;
}

static void forget_names(struct bk_probe *p)
{
	for (size_t i = 0; i < p->count; i++)
		free((char *)p->names[i].name);
	p->count = 0;
}

/* A type of a program may have another name than the kernel's: what follows three underscores. */
static int add_type(struct bk_probe *p, const char *name)
{
	const uint32_t kinds = 1 << BTF_KIND_STRUCT | 1 << BTF_KIND_UNION | 1 << BTF_KIND_ENUM |
			       1 << BTF_KIND_TYPEDEF | 1 << 19 /* ENUM64 */;
	const char *flavour = strstr(name, "___");

	return add_name(p, name, flavour ? (size_t)(flavour - name) : strlen(name), kinds);
}

static int add_target(struct bk_probe *p, const struct bpf_program *prog)
{
	const struct attach *a = attach_of(prog);
	char name[256];
	int n;

	if (!a->kind)
		return 0;
	n = snprintf(name, sizeof(name), "%s%s", a->prefix, target_of(prog));

	return n < (int)sizeof(name) ? add_name(p, name, n, 1u << a->kind) : -ENAMETOOLONG;
}

static const char *const number_names[] = { BK_NUMBER_NAMES };

_Static_assert(ARRAY_LEN(number_names) == NUMBERS, "each number has a name");

static int add_names(struct bk_probe *p, struct bpf_object *obj)
{
	struct btf *btf = bpf_object__btf(obj);
	struct bpf_program *prog;
	int err = 0;

	forget_names(p);
	for (int i = 0; !err && i < NUMBERS; i++)
		err = add_name(p, number_names[i], strlen(number_names[i]),
			       is_function(i) ? 1 << BTF_KIND_FUNC : 1 << BTF_KIND_STRUCT);
	for (uint32_t id = 1; !err && id < btf__type_cnt(btf); id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);

		if (t->name_off && (btf_is_composite(t) || btf_is_any_enum(t) || btf_is_typedef(t)))
			err = add_type(p, btf__name_by_offset(btf, t->name_off));
	}
	bpf_object__for_each_program(prog, obj)
		if (!err && attach_of(prog))
			err = add_target(p, prog);
	return err;
}

static int write_all(int fd, const char *data, size_t size)
{
	ssize_t n;

	for (; size; data += n, size -= n) {
		n = write(fd, data, size);
		if (n < 0)
			return -errno;
	}
	return 0;
}

static int make_small_btf(struct bk_probe *p, struct bk_kbtf *kernel)
{
	void *data;
	size_t size;
	int err = bk_kbtf_extract(kernel, p->names, p->count, &data, &size);

	if (err)
		return err;
	if (ftruncate(p->file, 0) || lseek(p->file, 0, SEEK_SET))
		err = -errno;
	err = err ? err : write_all(p->file, data, size);
	free(data);
	return err;
}

int bk_probe_learn(struct bk_probe *p, struct bpf_object *obj)
{
	struct bk_kbtf *kernel = bk_btf_kernel();
	int err;

	if (p->count)
		return 0;
	if (!kernel) {
		bk_log_set_cause("/sys/kernel/btf/vmlinux cannot be read: %s", strerror(errno));
		return -EOPNOTSUPP;
	}
	err = add_names(p, obj);
	err = err ? err : make_small_btf(p, kernel);
	if (err)
		forget_names(p);
	if (err != -EINVAL)
		return err;
	bk_log_set_cause("/sys/kernel/btf/vmlinux has types of a kind that this version does "
			 "not know, or is damaged: look for a newer version");
	return -EOPNOTSUPP;
}

void bk_probe_aim(struct bk_probe *p, int prog_fd, uint32_t function)
{
	p->aim = prog_fd;
	p->aim_id = function;
}

static int try_function(const struct attach *a, const struct bk_kbtf_name *target)
{
	static const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, o, .expected_attach_type = a->type,
		    .attach_btf_id = target->id);
	int fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "bk_try", "GPL", nothing, ARRAY_LEN(nothing), &o);

	if (fd >= 0)
		close(fd);
	return fd == -EPERM ? -EPERM : 0; /* anything else shall the real one tell */
}

int bk_probe_try(const struct bk_probe *p, struct bpf_object *obj, const char *rung)
{
	const struct bk_kbtf_name *target;
	struct bpf_program *prog;
	const struct attach *a;

	bpf_object__for_each_program(prog, obj) {
		const char *mark = strstr(bpf_program__name(prog), "__");

		a = attach_of(prog);
		if (!a || a->kind != BTF_KIND_FUNC || !mark || strcmp(mark + 2, rung))
			continue;
		target = find_target(p, prog);
		if (target && target->id)
			return try_function(a, target);
	}
	return 0;
}

static bool is_one_of(const char *const *names, const char *name)
{
	for (; names && *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

int bk_probe_resolve(struct bk_probe *p, struct bpf_object *obj, const char *const *optional)
{
	struct bk_kernel *k = bk_var(obj, ".rodata", "bk_kernel", sizeof(*k));
	const struct bk_kbtf_name *target;
	struct bpf_program *prog;
	int err;

	bpf_object__for_each_program(prog, obj) {
		if (!bpf_program__autoload(prog))
			continue;
		target = attach_of(prog) ? find_target(p, prog) : NULL;
		if (target && !target->id && is_one_of(optional, bpf_program__name(prog))) {
			bpf_program__set_autoload(prog, false);
			continue;
		}
		if (target && !target->id) {
			bk_log_set_cause("this kernel has no %s %s", attach_of(prog)->what,
					 target_of(prog));
			return -ESRCH;
		}
		err = put_numbers(p, prog);
		if (err)
			return err;
	}
	if (k) {
		k->has_rdonly_cast = has_numbers(p, BK_KFUNC_RDONLY_CAST, BK_TYPE_TASK);
		k->has_preempt = has_numbers(p, BK_KFUNC_PREEMPT_DISABLE, BK_KFUNC_PREEMPT_ENABLE);
	}
	return 0;
}

/* ---- open ---- */

/* Is the path that of our file? libbpf takes BTF by a path, and /proc may be missing or another one. */
static bool is_ours(const struct bk_probe *p)
{
	struct stat by_path, by_fd;

	return !stat(p->path, &by_path) && !fstat(p->file, &by_fd) &&
	       by_path.st_ino == by_fd.st_ino && by_path.st_dev == by_fd.st_dev;
}

static void unregister(const struct bk_probe *p)
{
	for (size_t i = 0; i < ARRAY_LEN(attaches); i++)
		if (p->handlers[i] > 0)
			libbpf_unregister_prog_handler(p->handlers[i]);
}

static int take_sections(struct bk_probe *p)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, o, .cookie = (long)p,
		    .prog_prepare_load_fn = prepare_load);

	for (size_t i = 0; i < ARRAY_LEN(attaches); i++) {
		p->handlers[i] = libbpf_register_prog_handler(
			attaches[i].section, BPF_PROG_TYPE_RAW_TRACEPOINT, 0, &o);
		if (p->handlers[i] < 0)
			return p->handlers[i];
	}
	return 0;
}

int bk_probe_open(struct bk_probe **out)
{
	struct bk_probe *p = calloc(1, sizeof(*p));
	int err;

	*out = NULL;
	if (!p)
		return -ENOMEM;
	p->aim = -1;
	p->file = memfd_create("bpfkit-btf", MFD_CLOEXEC);
	snprintf(p->path, sizeof(p->path), "/proc/self/fd/%d", p->file);
	if (p->file < 0)
		err = -errno;
	else if (!is_ours(p))
		err = -ENXIO;
	else
		err = take_sections(p);
	if (err) {
		unregister(p);
		if (p->file >= 0)
			close(p->file);
		free(p);
		return err;
	}
	p->opts.sz = sizeof(p->opts);
	p->opts.btf_custom_path = p->path;
	*out = p;
	return 0;
}

const struct bpf_object_open_opts *bk_probe_opts(const struct bk_probe *p)
{
	return &p->opts;
}

void bk_probe_loaded(struct bk_probe *p)
{
	close(p->file);
	forget_names(p);
	free(p->names);
	p->file = -1;
	p->names = NULL;
	p->room = 0;
}

void bk_probe_close(struct bk_probe *p)
{
	if (!p)
		return;
	unregister(p);
	if (p->file >= 0)
		bk_probe_loaded(p);
	free(p);
}
