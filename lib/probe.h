/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BK_PROBE_H
#define BK_PROBE_H

#include <bpf/libbpf.h>

/*
 * What libbpf needs to know of the kernel's types, told to it from one walk over the kernel's BTF: a
 * small BTF to relocate against, the ids of what tp_btf, fentry and fexit programs attach to, and the
 * numbers that bpf/kernel.h stands for. Such programs are opened as raw tracepoints, whose load wants no
 * BTF, and become typed ones at the moment they are loaded.
 */
struct bk_probe;

/*
 * Once for a run, before any skeleton is opened. 0 or a negative errno; then *p is NULL. -ENXIO: there is no
 * /proc, or it is that of another PID namespace.
 */
int bk_probe_open(struct bk_probe **p);
/* Nothing more will be loaded: gives back what only that needs. */
void bk_probe_loaded(struct bk_probe *p);
/* After the skeletons are destroyed. NULL is allowed. */
void bk_probe_close(struct bk_probe *p);
/* Options to open a skeleton with; they live as long as p. */
const struct bpf_object_open_opts *bk_probe_opts(const struct bk_probe *p);
/*
 * Finds out what the kernel has of all that an object may need; of an object that is opened once more, nothing
 * more. -EOPNOTSUPP: its BTF cannot be used; then bk_log_cause() says more.
 */
int bk_probe_learn(struct bk_probe *p, struct bpf_object *obj);
/*
 * Does the kernel allow programs at functions, if those named WHAT__RUNG are such? Where it does not (-EPERM), this
 * is known before all that a load takes: the next rung shall not be late.
 */
int bk_probe_try(const struct bk_probe *p, struct bpf_object *obj, const char *rung);
/*
 * Before the object is loaded, when it is decided which of its programs are. -ESRCH: the kernel has
 * not what one of them attaches to; then bk_log_cause() says more.
 * Programs of the names in optional (NULL-terminated, or NULL) are not loaded where that is missing.
 */
int bk_probe_resolve(struct bk_probe *p, struct bpf_object *obj, const char *const *optional);
/*
 * What programs of the sections "program/entry" and "program/exit" attach to when they are loaded: another program, by
 * its descriptor, and the function in it, by its id in that program's own BTF.
 */
void bk_probe_aim(struct bk_probe *p, int prog_fd, uint32_t function);
/* Attaches all programs of a skeleton. */
int bk_probe_attach(struct bpf_object_skeleton *skeleton);

#endif
