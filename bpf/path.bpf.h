/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Paths: the names from a file up to a root, the last one first, as lib/path.c puts them together.
 *
 * The way goes as that of d_path() in the kernel, across mounts up to the root of the task, but takes no
 * lock: a directory that is renamed meanwhile can give a path that never was.
 */
#ifndef PATH_BPF_H
#define PATH_BPF_H

#include "bk.bpf.h"
#include "path.h"

enum {
	BK_PATH_DEPTH = 128, /* names and mounts */
};

#define BK_SB_NOUSER (1UL << 31) /* nobody can mount it: pipes, sockets and the like */
#define BK_NSFS_MAGIC 0x6e736673 /* but for namespaces */

/* A place of the file system: what struct path says, copied. */
struct bk_place {
	struct dentry *dentry;
	struct vfsmount *mnt;
};

static __always_inline struct bk_place bk_place_of(const struct path *path)
{
	struct bk_place place;

	bk_read(&place.dentry, sizeof(place.dentry), &path->dentry);
	bk_read(&place.mnt, sizeof(place.mnt), &path->mnt);
	return place;
}

/* The place of an open file of the current task; of none: no dentry. */
static __always_inline struct bk_place bk_place_of_fd(struct task_struct *task, u32 fd)
{
	struct files_struct *files = bk_get_ptr(bk_current_is_typed(), task, files);
	struct bk_place place = {};
	struct fdtable *fdt = NULL;
	struct file **all = NULL, *file = NULL;
	u32 max = 0;

	bk_read(&fdt, sizeof(fdt), &files->fdt);
	bk_read(&max, sizeof(max), &fdt->max_fds);
	bk_read(&all, sizeof(all), &fdt->fd);
	if (fd < max)
		bk_read(&file, sizeof(file), &all[fd]);
	if (file)
		place = bk_place_of(&file->f_path);
	return place;
}

static __always_inline bool bk_is_deleted(struct dentry *dentry)
{
	struct hlist_bl_node **pprev = NULL;
	struct dentry *parent = NULL;

	bk_read(&pprev, sizeof(pprev), &dentry->d_hash.pprev);
	bk_read(&parent, sizeof(parent), &dentry->d_parent);
	return !pprev && parent != dentry;
}

/* What no directory has: its kind, which is that of a namespace or the name of its file system, its name and number. */
static __always_inline u64 bk_put_pseudo(char *buf, u64 at, struct dentry *dentry,
					 struct super_block *sb, bool is_ns, struct bk_path *p)
{
	const unsigned char *name = NULL;
	struct inode *inode = NULL;
	const void *kind = NULL; /* one variable for the way there: the stack is small */
	long n;

	p->flags |= BK_PATH_PSEUDO;
	bk_read(&inode, sizeof(inode), &dentry->d_inode);
	bk_read(&p->ino, sizeof(p->ino), &inode->i_ino);
	if (is_ns) {
		bk_read(&kind, sizeof(kind), &inode->i_private);
		bk_read(&kind, sizeof(kind), &((struct ns_common *)kind)->ops);
		bk_read(&kind, sizeof(kind), &((struct proc_ns_operations *)kind)->name);
	} else {
		bk_read(&kind, sizeof(kind), &sb->s_type);
		bk_read(&kind, sizeof(kind), &((struct file_system_type *)kind)->name);
	}
	bk_read(&name, sizeof(name), &dentry->d_name.name);
	if (at >= BK_PATH_ROOM)
		return at;
	n = bpf_probe_read_kernel_str(buf + at, BK_PATH_NAME, kind);
	at += n > 0 ? n : 0;
	if (at >= BK_PATH_ROOM)
		return at;
	n = bpf_probe_read_kernel_str(buf + at, BK_PATH_NAME, name);
	return at + (n > 0 ? n : 0);
}

/* Calculated: each part of a condition is a branch, that is two ways for the verifier. */
static __always_inline bool is_same_place(struct bk_place a, struct bk_place b)
{
	u64 differs = ((u64)a.dentry ^ (u64)b.dentry) | ((u64)a.mnt ^ (u64)b.mnt);

	bk_hide(differs);
	return !differs;
}

/*
 * Puts the names from a place up to a root behind each other to buf + at, each with its NUL. There must be
 * BK_PATH_NAME bytes behind BK_PATH_ROOM. Returns where they end; p is filled in. within: up to the root of
 * its file system, whatever is mounted where; then root does not matter.
 */
static __always_inline u64 bk_put_path(char *buf, u64 at, struct bk_place place,
				       struct bk_place root, bool within, struct bk_path *p)
{
	struct super_block *sb = NULL;
	struct dentry *top = NULL;
	unsigned long flags = 0, magic = 0;
	u32 i;

	bk_read(&sb, sizeof(sb), &place.mnt->mnt_sb);
	bk_read(&flags, sizeof(flags), &sb->s_flags);
	bk_read(&p->dev, sizeof(p->dev), &sb->s_dev);
	bk_read(&magic, sizeof(magic), &sb->s_magic);
	bk_read(&top, sizeof(top), &place.mnt->mnt_root);
	/* a namespace that is mounted has a path */
	if (flags & BK_SB_NOUSER || (magic == BK_NSFS_MAGIC && (within || place.dentry != top)))
		return bk_put_pseudo(buf, at, place.dentry, sb, magic == BK_NSFS_MAGIC, p);
	if (bk_is_deleted(place.dentry))
		p->flags |= BK_PATH_DELETED;
	bk_forget(at, place.dentry);
	for (i = 0; i < BK_PATH_DEPTH; i++) {
		struct dentry *up = NULL;
		const unsigned char *name = NULL;
		s64 n;

		if (!within && is_same_place(place, root))
			return at;
		if (!within)
			bk_read(&top, sizeof(top), &place.mnt->mnt_root);
		if (!within && place.dentry == top) {
			struct mount *m, *parent = NULL;

			m = (void *)place.mnt - bpf_core_field_offset(struct mount, mnt);
			bk_read(&parent, sizeof(parent), &m->mnt_parent);
			if (parent == m)
				break;
			bk_read(&place.dentry, sizeof(place.dentry), &m->mnt_mountpoint);
			place.mnt = (void *)parent + bpf_core_field_offset(struct mount, mnt);
			continue;
		}
		bk_read(&up, sizeof(up), &place.dentry->d_parent);
		if (up == place.dentry)
			break;
		bk_read(&name, sizeof(name), &place.dentry->d_name.name);
		if (at >= BK_PATH_ROOM) {
			i = BK_PATH_DEPTH;
			break;
		}
		n = bpf_probe_read_kernel_str(buf + at, BK_PATH_NAME, name);
		at += n & ~(n >> 63);
		/* all ways to the next round are one for the verifier */
		bk_forget(at, up);
		place.dentry = up;
	}
	if (i == BK_PATH_DEPTH)
		p->flags |= BK_PATH_CUT;
	else if (!within)
		p->flags |= BK_PATH_OUTSIDE;
	return at;
}

#endif
