// SPDX-License-Identifier: GPL-2.0-only
#include "kbtf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Newer than the headers of some systems. */
enum { KIND_ENUM64 = 19, KIND_LAST = KIND_ENUM64 };

static const uint32_t ENUMS = 1 << BTF_KIND_ENUM | 1 << KIND_ENUM64;

enum { EVERY = 16 }; /* one in so many types has its place remembered */

/* ---- bytes that become more ---- */

struct bytes {
	char *data;
	size_t size, room;
};

static void *put(struct bytes *to, const void *data, size_t size)
{
	size_t room = to->room ? to->room : 4096;
	char *at;

	while (room < to->size + size)
		room *= 2;
	if (room > to->room) {
		at = realloc(to->data, room);
		if (!at)
			return NULL;
		to->data = at;
		to->room = room;
	}
	at = to->data + to->size;
	if (size)
		memcpy(at, data, size);
	to->size += size;
	return at;
}

/* ---- the file ---- */

struct bk_kbtf {
	const struct bk_kbtf *base;
	void *file; /* what to give back, and how */
	size_t file_size;
	bool mapped;
	const char *types, *strings;
	uint32_t types_size, strings_size;
	uint32_t first_id, first_string; /* a module's continue where the kernel's end */
	uint32_t count;                  /* types of this file, once they were all walked over */
	uint32_t *places; /* offsets of types 0, EVERY, 2 * EVERY ...; NULL before that */
	struct bytes enums; /* ids of the enums that have names, of which there are few */
};

/* ---- one type ---- */

static uint32_t kind_of(const struct btf_type *t)
{
	return t->info >> 24 & 0x1f;
}

static uint32_t vlen_of(const struct btf_type *t)
{
	return t->info & 0xffff;
}

static bool is_enum(uint32_t kind)
{
	return ENUMS >> kind & 1;
}

/* The bytes of a type, of which left are there; 0 if it is not whole, or unknown. */
static inline uint32_t size_of(const struct btf_type *t, size_t left)
{
	/* behind the head: so many bytes, and so many for each member */
	static const struct {
		uint8_t fixed, member;
	} sizes[KIND_LAST + 1] = {
		[BTF_KIND_INT] = { 4, 0 },      [BTF_KIND_ARRAY] = { 12, 0 },
		[BTF_KIND_STRUCT] = { 0, 12 },  [BTF_KIND_UNION] = { 0, 12 },
		[BTF_KIND_ENUM] = { 0, 8 },     [BTF_KIND_FUNC_PROTO] = { 0, 8 },
		[BTF_KIND_VAR] = { 4, 0 },      [BTF_KIND_DATASEC] = { 0, 12 },
		[BTF_KIND_DECL_TAG] = { 4, 0 }, [KIND_ENUM64] = { 0, 12 },
	};
	uint32_t kind, size;

	if (left < sizeof(*t))
		return 0;
	kind = kind_of(t);
	if (!kind || kind > KIND_LAST)
		return 0;
	/* most of them; the next one is then at a place that can be guessed */
	if (!sizes[kind].fixed && !sizes[kind].member)
		return sizeof(*t);
	size = sizeof(*t) + sizes[kind].fixed;
	if (sizes[kind].member)
		size += sizes[kind].member * vlen_of(t);
	return size <= left ? size : 0;
}

static const struct btf_type *type_at(const struct bk_kbtf *b, uint32_t at)
{
	return (const void *)(b->types + at);
}

/* ---- open ---- */

struct lookup;

static int walk(struct bk_kbtf *b, struct lookup *l, struct bytes *found);

static bool take(struct bk_kbtf *b, const void *data, size_t size)
{
	const struct btf_header *h = data;
	uint64_t types, strings;

	errno = EINVAL;
	if (size < sizeof(*h) || h->magic != BTF_MAGIC || h->version != BTF_VERSION ||
	    h->hdr_len < sizeof(*h) || h->hdr_len % 4 || h->type_off % 4)
		return false;
	types = (uint64_t)h->hdr_len + h->type_off;
	strings = (uint64_t)h->hdr_len + h->str_off;
	if (types + h->type_len > size || strings + h->str_len > size)
		return false;
	b->types = (const char *)data + types;
	b->types_size = h->type_len;
	b->strings = (const char *)data + strings;
	b->strings_size = h->str_len;
	/* every string ends */
	if (b->strings_size && b->strings[b->strings_size - 1])
		return false;
	b->first_id = b->base ? b->base->first_id + b->base->count : 1;
	b->first_string = b->base ? b->base->first_string + b->base->strings_size : 0;
	return true;
}

struct bk_kbtf *bk_kbtf_from(const void *data, size_t size, struct bk_kbtf *base)
{
	struct bk_kbtf *b;

	if (base && walk(base, NULL, NULL)) /* then it is known how many types it has */
		return NULL;
	b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	b->base = base;
	if (take(b, data, size))
		return b;
	free(b);
	return NULL;
}

/* All of a file; sysfs gives a page at a time. */
static void *read_all(int fd, size_t size)
{
	char *data = malloc(size);
	size_t have = 0;
	ssize_t n;

	while (data && have < size) {
		n = read(fd, data + have, size - have);
		if (n > 0) {
			have += n;
		} else if (!n || errno != EINTR) {
			errno = n ? errno : EINVAL;
			free(data);
			return NULL;
		}
	}
	return data;
}

static void give_back(void *file, size_t size, bool mapped)
{
	if (mapped)
		munmap(file, size);
	else
		free(file);
}

struct bk_kbtf *bk_kbtf_open(const char *path, struct bk_kbtf *base)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	struct bk_kbtf *b = NULL;
	void *file = NULL;
	struct stat st;
	bool mapped;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) || st.st_size <= 0 || st.st_size > UINT32_MAX) {
		close(fd);
		errno = EINVAL;
		return NULL;
	}
	/* Linux 6.16 and later; before, sysfs cannot be mapped (ENODEV) */
	file = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	mapped = file != MAP_FAILED;
	if (!mapped)
		file = read_all(fd, st.st_size);
	err = errno;
	close(fd);
	errno = err;
	if (!file)
		return NULL;
	b = bk_kbtf_from(file, st.st_size, base);
	if (!b) {
		err = errno;
		give_back(file, st.st_size, mapped);
		errno = err;
		return NULL;
	}
	b->file = file;
	b->file_size = st.st_size;
	b->mapped = mapped;
	return b;
}

void bk_kbtf_close(struct bk_kbtf *b)
{
	if (!b)
		return;
	if (b->file)
		give_back(b->file, b->file_size, b->mapped);
	free(b->places);
	free(b->enums.data);
	free(b);
}

/* ---- look up ---- */

const struct btf_type *bk_kbtf_type(struct bk_kbtf *b, uint32_t id)
{
	const struct bk_kbtf *of = b;
	uint32_t i, at;

	if (walk(b, NULL, NULL))
		return NULL;
	while (of->base && id < of->first_id)
		of = of->base;
	if (id < of->first_id || id - of->first_id >= of->count)
		return NULL;
	i = id - of->first_id;
	at = of->places[i / EVERY];
	for (i %= EVERY; i; i--)
		at += size_of(type_at(of, at), of->types_size - at);
	return type_at(of, at);
}

const char *bk_kbtf_string(const struct bk_kbtf *b, uint32_t offset)
{
	while (b->base && offset < b->first_string)
		b = b->base;
	offset -= b->first_string;
	return offset < b->strings_size ? b->strings + offset : NULL;
}

/*
 * The names by hash. Of most types two or three letters of the name show that nobody looks for it: a
 * bit for each start of a name.
 */
struct lookup {
	struct bk_kbtf_name *names;
	uint32_t kinds;
	uint32_t *slots, mask; /* index + 1 of the first name with that hash; further ones follow */
	uint8_t starts[4096];
};

static uint32_t start_hash(const char *s)
{
	uint32_t h = (uint8_t)s[0];

	if (s[0])
		h = h * 37 + (uint8_t)s[1];
	if (s[0] && s[1])
		h = h * 37 + (uint8_t)s[2];
	return h % (sizeof(((struct lookup *)0)->starts) * 8);
}

static uint32_t name_hash(const char *s)
{
	uint32_t h = 2166136261; /* FNV-1a */

	while (*s)
		h = (h ^ (uint8_t)*s++) * 16777619;
	return h;
}

static bool lookup_make(struct lookup *l, struct bk_kbtf_name *names, size_t n)
{
	uint32_t size = 16, h;

	while (size < 2 * n)
		size *= 2;
	memset(l, 0, sizeof(*l));
	l->names = names;
	l->mask = size - 1;
	l->slots = calloc(size, sizeof(*l->slots));
	if (!l->slots)
		return false;
	for (size_t i = 0; i < n; i++) {
		names[i].id = 0;
		l->kinds |= names[i].kinds;
		h = start_hash(names[i].name);
		l->starts[h / 8] |= 1 << h % 8;
		for (h = name_hash(names[i].name); l->slots[h & l->mask]; h++)
			;
		l->slots[h & l->mask] = i + 1;
	}
	return true;
}

/* Is it one of the names? Its id is set if it is the first. */
static bool lookup_one(struct lookup *l, const char *s, uint32_t kind, uint32_t id)
{
	uint32_t h = start_hash(s), slot;
	bool is = false;

	if (!(l->starts[h / 8] & 1 << h % 8))
		return false;
	for (h = name_hash(s); (slot = l->slots[h & l->mask]); h++) {
		struct bk_kbtf_name *name = &l->names[slot - 1];

		if (name->kinds & 1u << kind && !strcmp(name->name, s)) {
			if (!name->id)
				name->id = id;
			is = true;
		}
	}
	return is;
}

/*
 * Over all types of this file, in order; the ids of those that have one of the names are appended to found,
 * if it is not NULL. The first walk also checks that each type is whole, so that nobody need do it later,
 * and remembers places and enums. 0, -EINVAL or -ENOMEM.
 */
static int walk(struct bk_kbtf *b, struct lookup *l, struct bytes *found)
{
	uint32_t *places = b->places, at = 0, id = b->first_id, size, n, kind;
	const struct btf_type *t;
	const char *s;
	int err = 0;

	if (places && !l)
		return 0;
	if (!places)
		places = malloc((b->types_size / sizeof(*t) / EVERY + 1) * sizeof(*places));
	if (!places)
		return -ENOMEM;
	for (; !err && at < b->types_size; at += size, id++) {
		n = id - b->first_id;
		if (n % EVERY == 0)
			places[n / EVERY] = at;
		t = type_at(b, at);
		size = size_of(t, b->types_size - at);
		if (!size) {
			err = -EINVAL;
			break;
		}
		if (!t->name_off)
			continue;
		kind = kind_of(t);
		if (is_enum(kind) && !b->places && !put(&b->enums, &id, sizeof(id)))
			err = -ENOMEM;
		if (l && l->kinds & 1u << kind) {
			s = bk_kbtf_string(b, t->name_off);
			if (s && lookup_one(l, s, kind, id) && found &&
			    !put(found, &id, sizeof(id)))
				err = -ENOMEM;
		}
	}
	if (b->places)
		return err;
	if (err) {
		free(places);
		b->enums.size = 0;
	} else {
		b->places = places;
		b->count = id - b->first_id;
	}
	return err;
}

static void find_enums(struct bk_kbtf *b, struct lookup *l)
{
	const uint32_t *ids = (const void *)b->enums.data;

	for (size_t i = 0; i < b->enums.size / sizeof(*ids); i++) {
		const struct btf_type *t = bk_kbtf_type(b, ids[i]);
		const char *s = bk_kbtf_string(b, t->name_off);

		if (s)
			lookup_one(l, s, kind_of(t), ids[i]);
	}
}

int bk_kbtf_find(struct bk_kbtf *b, struct bk_kbtf_name *names, size_t n)
{
	struct lookup l;
	int err = lookup_make(&l, names, n) ? 0 : -ENOMEM;

	if (!err && b->places && !(l.kinds & ~ENUMS))
		find_enums(b, &l);
	else if (!err)
		err = walk(b, &l, NULL);
	free(l.slots);
	return err;
}

/* ---- extract ---- */

struct extract {
	struct bk_kbtf *b;
	uint32_t *new_ids,
		pointer;  /* by old id; 0: not taken. The one pointer that stands for all. */
	uint32_t count;   /* types that have a new id */
	struct bytes ids; /* their old ids, in order; 0 for the pointer */
	struct bytes types, strings;
	int err;
};

static uint32_t new_id(struct extract *x, uint32_t old)
{
	const struct btf_type *t = old ? bk_kbtf_type(x->b, old) : NULL;
	uint32_t *id;

	if (!old)
		return 0;
	if (!t) {
		x->err = -EINVAL;
		return 0;
	}
	switch (kind_of(t)) {
	case BTF_KIND_PTR:
		id = &x->pointer;
		old = 0;
		break;
	case BTF_KIND_FUNC_PROTO:
	case BTF_KIND_FUNC:
	case BTF_KIND_VAR:
	case BTF_KIND_DATASEC:
	case BTF_KIND_DECL_TAG:
		return 0; /* no part of a value */
	default:
		id = &x->new_ids[old];
	}
	if (!*id) {
		if (!put(&x->ids, &old, sizeof(old)))
			x->err = -ENOMEM;
		*id = ++x->count;
	}
	return *id;
}

static uint32_t new_string(struct extract *x, uint32_t old)
{
	const char *s = old ? bk_kbtf_string(x->b, old) : "";
	size_t at = x->strings.size;

	if (!s)
		x->err = -EINVAL;
	if (!s || !*s)
		return 0;
	if (!put(&x->strings, s, strlen(s) + 1))
		x->err = -ENOMEM;
	return at;
}

static void copy_type(struct extract *x, uint32_t old)
{
	static const struct btf_type pointer = { .info = BTF_KIND_PTR << 24 };
	const struct btf_type *from = old ? bk_kbtf_type(x->b, old) : &pointer;
	uint32_t size = old ? size_of(from, SIZE_MAX) : sizeof(pointer), kind = kind_of(from);
	struct btf_type *t = put(&x->types, from, size);

	if (!t) {
		x->err = -ENOMEM;
		return;
	}
	t->name_off = new_string(x, from->name_off);
	switch (kind) {
	case BTF_KIND_ARRAY: {
		struct btf_array *a = (void *)(t + 1);

		a->type = new_id(x, a->type);
		a->index_type = new_id(x, a->index_type);
		break;
	}
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION: {
		struct btf_member *m = (void *)(t + 1);

		for (uint32_t i = 0; i < vlen_of(from); i++) {
			m[i].name_off = new_string(x, m[i].name_off);
			m[i].type = new_id(x, m[i].type);
		}
		break;
	}
	case BTF_KIND_ENUM:
	case KIND_ENUM64: {
		uint32_t words = kind == BTF_KIND_ENUM ? 2 : 3, *value = (void *)(t + 1);

		for (uint32_t i = 0; i < vlen_of(from); i++)
			value[i * words] = new_string(x, value[i * words]);
		break;
	}
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
		t->type = new_id(x, t->type);
		break;
	}
}

static int finish(struct extract *x, void **data, size_t *size)
{
	struct btf_header h = {
		.magic = BTF_MAGIC,
		.version = BTF_VERSION,
		.hdr_len = sizeof(h),
		.type_len = x->types.size,
		.str_off = x->types.size,
		.str_len = x->strings.size,
	};
	struct bytes file = { 0 };

	if (!put(&file, &h, sizeof(h)) || !put(&file, x->types.data, x->types.size) ||
	    !put(&file, x->strings.data, x->strings.size)) {
		free(file.data);
		return -ENOMEM;
	}
	*data = file.data;
	*size = file.size;
	return 0;
}

static int extract(struct extract *x, struct bytes *found)
{
	x->new_ids = calloc(x->b->first_id + x->b->count, sizeof(*x->new_ids));
	if (!x->new_ids || !put(&x->strings, "", 1) || !put(&x->types, NULL, 0))
		return -ENOMEM;
	for (size_t i = 0; i < found->size / sizeof(uint32_t); i++)
		new_id(x, ((uint32_t *)found->data)[i]);
	/* a copy may need further types, which get the next ids */
	for (uint32_t i = 0; i < x->count && !x->err; i++)
		copy_type(x, ((uint32_t *)x->ids.data)[i]);
	return x->err;
}

int bk_kbtf_extract(struct bk_kbtf *b, struct bk_kbtf_name *names, size_t n, void **data,
		    size_t *size)
{
	struct extract x = { .b = b };
	struct bytes found = { 0 };
	struct lookup l;
	int err;

	err = lookup_make(&l, names, n) ? walk(b, &l, &found) : -ENOMEM;
	err = err ? err : extract(&x, &found);
	err = err ? err : finish(&x, data, size);
	free(l.slots);
	free(found.data);
	free(x.new_ids);
	free(x.ids.data);
	free(x.types.data);
	free(x.strings.data);
	return err;
}
