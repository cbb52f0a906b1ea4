// SPDX-License-Identifier: GPL-2.0-only
/*
 * Classic BPF to eBPF. Registers of the row: r0 is the accumulator and at the end the verdict, r1 where the frame
 * starts, r2 its length, r5 the index register, r6 where a load ends. In a window r3 is how much of the frame is there,
 * and r4 not 0 if its MAC addresses are not known; in a packet r3 is where that ends, r4 the memory, and r7 what an
 * indexed load counts from.
 *
 * Numbers have 32 bits, and the upper halves of the registers are always zero. What is not in the frame ends the filter
 * with "no", as in libpcap; what is in it but cannot be looked at, with "undecided". In a packet that is so with all that
 * lies behind its end, and r6 says how many bytes it would take: the program finds out how many there are.
 */
#include "cbpf.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { A = BPF_REG_0, FRAME, LEN, HERE, NO_MAC, X, END, FROM, MEM = NO_MAC };

/* Where jumps go that do not go to an instruction of the filter. */
enum { FAIL = -1, UNDECIDED = -2, NO = -3, YES = -4, OUT = -5, FAR = -6, LABELS = 6 };

enum { MAX = 4096 }; /* instructions of a filter, as in the kernel (BPF_MAXINSNS) */

/* One of classic BPF takes at most so many; behind all of them come the ends. */
enum { EACH = 12, ENDS = 9 };

struct maker {
	enum bk_cbpf_kind kind;
	struct bpf_insn *out;
	int *to; /* for each of them: the label or 1 + the instruction it jumps to, or 0 */
	size_t n;
	size_t *at; /* for each of the filter: where it is in out */
	size_t labels[LABELS];
	bool used[LABELS];
};

/* ---- putting instructions down ---- */

static void emit(struct maker *m, uint8_t code, int dst, int src, int16_t off, uint32_t imm)
{
	m->out[m->n++] = (struct bpf_insn){
		.code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = (int32_t)imm
	};
}

/* to: a label or an instruction of the filter. */
static void jump(struct maker *m, uint8_t code, int dst, int src, uint32_t imm, int to)
{
	m->to[m->n] = to < 0 ? to : to + 1;
	if (to < 0)
		m->used[-1 - to] = true;
	emit(m, code, dst, src, 0, imm);
}

static void go(struct maker *m, int to)
{
	jump(m, BPF_JMP | BPF_JA, 0, 0, 0, to);
}

static void set(struct maker *m, int dst, uint32_t imm)
{
	emit(m, BPF_ALU | BPF_MOV | BPF_K, dst, 0, 0, imm);
}

static void copy(struct maker *m, int dst, int src)
{
	emit(m, BPF_ALU | BPF_MOV | BPF_X, dst, src, 0, 0);
}

static int memory_base(const struct maker *m)
{
	return m->kind == BK_CBPF_IN_PACKET ? MEM : FRAME;
}

static int memory_at(const struct maker *m, uint32_t word)
{
	return (m->kind == BK_CBPF_IN_PACKET ? 0 : BK_CBPF_MEM) + 4 * word;
}

static void from_memory(struct maker *m, int dst, uint32_t word)
{
	emit(m, BPF_LDX | BPF_MEM | BPF_W, dst, memory_base(m), memory_at(m, word), 0);
}

static void to_memory(struct maker *m, int src, uint32_t word)
{
	emit(m, BPF_STX | BPF_MEM | BPF_W, memory_base(m), src, memory_at(m, word), 0);
}

/* ---- one instruction ---- */

static unsigned int size_of(uint16_t code)
{
	return BPF_SIZE(code) == BPF_W ? 4 : BPF_SIZE(code) == BPF_H ? 2 : 1;
}

static const uint8_t sizes[] = { [1] = BPF_B, [2] = BPF_H, [4] = BPF_W };

static void load_from_window(struct maker *m, int dst, unsigned int size, uint32_t k, bool by_x)
{
	if (k < BK_CBPF_MACS)
		jump(m, BPF_JMP | BPF_JNE | BPF_K, NO_MAC, 0, 0, UNDECIDED);
	if (!by_x) {
		set(m, END, k + size);
		jump(m, BPF_JMP | BPF_JGT | BPF_X, END, HERE, 0, FAIL);
		emit(m, BPF_LDX | BPF_MEM | sizes[size], dst, FRAME, k, 0);
	} else {
		copy(m, END, X);
		emit(m, BPF_ALU64 | BPF_ADD | BPF_K, END, 0, 0, k + size);
		jump(m, BPF_JMP | BPF_JGT | BPF_X, END, HERE, 0, FAIL);
		/* it is not, but older verifiers compare with constants only */
		jump(m, BPF_JMP | BPF_JGT | BPF_K, END, 0, BK_CBPF_WINDOW, FAIL);
		emit(m, BPF_ALU64 | BPF_ADD | BPF_X, END, FRAME, 0, 0);
		emit(m, BPF_LDX | BPF_MEM | sizes[size], dst, END, -(int)size, 0);
	}
}

/* The verifier wants where a load ends to be the pointer that it starts from and a constant. */
static void load_from_packet(struct maker *m, int dst, unsigned int size, uint32_t k, bool by_x)
{
	int from = by_x ? FROM : FRAME;

	if (by_x) {
		copy(m, END, X);
		emit(m, BPF_ALU64 | BPF_ADD | BPF_K, END, 0, 0, k + size);
		jump(m, BPF_JMP | BPF_JGT | BPF_K, X, 0, BK_CBPF_FARTHEST, FAR);
		copy(m, FROM, X);
		emit(m, BPF_ALU64 | BPF_ADD | BPF_X, FROM, FRAME, 0, 0);
	}
	emit(m, BPF_ALU64 | BPF_MOV | BPF_X, END, from, 0, 0);
	emit(m, BPF_ALU64 | BPF_ADD | BPF_K, END, 0, 0, k + size);
	jump(m, BPF_JMP | BPF_JGT | BPF_X, END, HERE, 0, FAIL);
	emit(m, BPF_LDX | BPF_MEM | sizes[size], dst, from, k, 0);
}

/* size bytes from k on, or from k + X on. */
static void load(struct maker *m, int dst, unsigned int size, uint32_t k, bool by_x)
{
	if (m->kind == BK_CBPF_IN_PACKET)
		load_from_packet(m, dst, size, k, by_x);
	else
		load_from_window(m, dst, size, k, by_x);
	if (size > 1)
		emit(m, BPF_ALU | BPF_END | BPF_TO_BE, dst, 0, 0, size * 8);
}

/* How many bytes of a frame a filter can look at. */
static unsigned int reach(const struct maker *m)
{
	return m->kind == BK_CBPF_IN_PACKET ? BK_CBPF_FARTHEST : BK_CBPF_WINDOW;
}

/* Always beyond that? X only adds to it. */
static bool is_beyond(const struct maker *m, uint32_t k, unsigned int size)
{
	return k > reach(m) - size;
}

static int make_load(struct maker *m, const struct bk_cbpf_insn *c, int dst)
{
	unsigned int size = size_of(c->code);

	if (BPF_SIZE(c->code) == BPF_DW)
		return -EINVAL;
	switch (BPF_MODE(c->code)) {
	case BPF_IMM:
		set(m, dst, c->k);
		return 0;
	case BPF_LEN:
		copy(m, dst, LEN);
		return 0;
	case BPF_MEM:
		if (c->k >= BK_CBPF_WORDS)
			return -EINVAL;
		from_memory(m, dst, c->k);
		return 0;
	case BPF_ABS:
	case BPF_IND:
		if (dst == X)
			return -EINVAL;
		if (is_beyond(m, c->k, size))
			return -ERANGE;
		load(m, A, size, c->k, BPF_MODE(c->code) == BPF_IND);
		return 0;
	case BPF_MSH:
		if (dst != X || size != 1)
			return -EINVAL;
		if (is_beyond(m, c->k, 1))
			return -ERANGE;
		load(m, X, 1, c->k, false);
		emit(m, BPF_ALU | BPF_AND | BPF_K, X, 0, 0, 15);
		emit(m, BPF_ALU | BPF_LSH | BPF_K, X, 0, 0, 2);
		return 0;
	}
	return -EINVAL;
}

static int make_store(struct maker *m, const struct bk_cbpf_insn *c, int src)
{
	if (c->k >= BK_CBPF_WORDS)
		return -EINVAL;
	to_memory(m, src, c->k);
	return 0;
}

static int make_alu(struct maker *m, const struct bk_cbpf_insn *c)
{
	uint8_t op = BPF_OP(c->code), by = BPF_SRC(c->code);

	switch (op) {
	case BPF_NEG:
		emit(m, BPF_ALU | BPF_NEG, A, 0, 0, 0);
		return 0;
	case BPF_DIV:
	case BPF_MOD:
		if (by == BPF_K && !c->k)
			return -EINVAL;
		if (by == BPF_X)
			jump(m, BPF_JMP | BPF_JEQ | BPF_K, X, 0, 0, NO);
		break;
	case BPF_LSH:
	case BPF_RSH:
		if (by == BPF_K && c->k > 31)
			return -EINVAL;
		/* the kernel takes the lowest five bits of the number, libpcap shifts everything out */
		if (by == BPF_X) {
			emit(m, BPF_JMP | BPF_JLE | BPF_K, X, 0, 2, 31);
			set(m, A, 0);
			emit(m, BPF_JMP | BPF_JA, 0, 0, 1, 0);
		}
		break;
	case BPF_ADD:
	case BPF_SUB:
	case BPF_MUL:
	case BPF_AND:
	case BPF_OR:
	case BPF_XOR:
		break;
	default:
		return -EINVAL;
	}
	if (by == BPF_X)
		emit(m, BPF_ALU | op | BPF_X, A, X, 0, 0);
	else
		emit(m, BPF_ALU | op | BPF_K, A, 0, 0, c->k);
	return 0;
}

static uint8_t opposite(uint8_t op)
{
	return op == BPF_JEQ ? BPF_JNE : op == BPF_JGT ? BPF_JLE : BPF_JLT;
}

static int make_jump(struct maker *m, const struct bk_cbpf_insn *c, size_t i)
{
	int yes = i + 1 + c->jt, no = i + 1 + c->jf, next = i + 1;
	uint8_t op = BPF_OP(c->code), by = BPF_SRC(c->code);
	int src = by == BPF_X ? X : 0;
	uint32_t imm = by == BPF_X ? 0 : c->k;

	if (op == BPF_JA) {
		go(m, i + 1 + c->k);
	} else if (op != BPF_JEQ && op != BPF_JGT && op != BPF_JGE && op != BPF_JSET) {
		return -EINVAL;
	} else if (yes == no) {
		go(m, yes);
	} else if (yes == next && op != BPF_JSET) {
		jump(m, BPF_JMP32 | opposite(op) | by, A, src, imm, no);
	} else {
		jump(m, BPF_JMP32 | op | by, A, src, imm, yes);
		if (no != next)
			go(m, no);
	}
	return 0;
}

static int make(struct maker *m, const struct bk_cbpf_insn *c, size_t i)
{
	switch (BPF_CLASS(c->code)) {
	case BPF_LD:
		return make_load(m, c, A);
	case BPF_LDX:
		return make_load(m, c, X);
	case BPF_ST:
		return make_store(m, c, A);
	case BPF_STX:
		return make_store(m, c, X);
	case BPF_ALU:
		return make_alu(m, c);
	case BPF_JMP:
		return make_jump(m, c, i);
	case BPF_RET:
		if (BPF_RVAL(c->code) == BPF_K) {
			go(m, c->k ? YES : NO);
		} else if (BPF_RVAL(c->code) == BPF_A) {
			jump(m, BPF_JMP | BPF_JEQ | BPF_K, A, 0, 0, NO);
			go(m, YES);
		} else {
			return -EINVAL;
		}
		return 0;
	default: /* BPF_MISC */
		if (c->code == (BPF_MISC | BPF_TAX))
			copy(m, X, A);
		else if (c->code == (BPF_MISC | BPF_TXA))
			copy(m, A, X);
		else
			return -EINVAL;
		return 0;
	}
}

/* ---- all of them ---- */

/*
 * Which instructions can be reached: the kernel refuses others. Jumps go forward, so one pass finds them. -EINVAL:
 * there is a way beyond the last one.
 */
static int find_reached(const struct bk_cbpf_insn *code, size_t n, bool *reached)
{
	reached[0] = true;
	for (size_t i = 0; i < n; i++) {
		const struct bk_cbpf_insn *c = &code[i];
		size_t to[2] = { i + 1, i + 1 };

		if (!reached[i] || BPF_CLASS(c->code) == BPF_RET)
			continue;
		if (BPF_CLASS(c->code) == BPF_JMP && BPF_OP(c->code) == BPF_JA) {
			if ((int32_t)c->k < 0)
				return -EOPNOTSUPP;
			to[0] = to[1] = i + 1 + c->k;
		} else if (BPF_CLASS(c->code) == BPF_JMP) {
			to[0] += c->jt;
			to[1] += c->jf;
		}
		if (to[0] >= n || to[1] >= n)
			return -EINVAL;
		reached[to[0]] = reached[to[1]] = true;
	}
	return 0;
}

static void place(struct maker *m, int label)
{
	m->labels[-1 - label] = m->n;
}

/* How it ends. The one that comes last goes on behind the row. */
static void make_ends(struct maker *m)
{
	if (m->used[-1 - FAIL]) {
		place(m, FAIL);
		if (m->kind == BK_CBPF_IN_PACKET)
			emit(m, BPF_ALU64 | BPF_SUB | BPF_X, END, FRAME, 0, 0);
	}
	if (m->used[-1 - FAIL] || m->used[-1 - FAR]) {
		place(m, FAR);
		if (m->kind == BK_CBPF_IN_WINDOW)
			jump(m, BPF_JMP | BPF_JGT | BPF_X, END, LEN, 0, NO);
		m->used[-1 - UNDECIDED] = true;
	}
	if (m->used[-1 - UNDECIDED]) {
		place(m, UNDECIDED);
		set(m, A, BK_CBPF_UNDECIDED);
		go(m, OUT);
	}
	if (m->used[-1 - YES]) {
		place(m, YES);
		set(m, A, BK_CBPF_YES);
		go(m, OUT);
	}
	if (m->used[-1 - NO]) {
		place(m, NO);
		set(m, A, BK_CBPF_NO);
		go(m, OUT);
	}
	place(m, OUT);
}

/* A condition that is always true: what it jumps over counts as reached, and the kernel takes it out. */
static void skip_rest(struct maker *m)
{
	struct bpf_insn nothing = { .code = BPF_JMP | BPF_JA };

	emit(m, BPF_JMP | BPF_JGE | BPF_K, A, 0, BK_CBPF_ROOM - 1 - m->n, 0);
	while (m->n < BK_CBPF_ROOM)
		m->out[m->n++] = nothing;
}

static int make_all(struct maker *m, const struct bk_cbpf_insn *code, size_t n, const bool *reached,
		    char why[BK_CBPF_WHY])
{
	uint32_t words = 0;

	set(m, A, 0);
	set(m, X, 0);
	/* who reads a word that was not written shall not read one of another packet */
	for (size_t i = 0; i < n; i++)
		if (BPF_CLASS(code[i].code) <= BPF_LDX && BPF_MODE(code[i].code) == BPF_MEM &&
		    code[i].k < BK_CBPF_WORDS)
			words |= 1 << code[i].k;
	for (int i = 0; i < BK_CBPF_WORDS; i++)
		if (words & 1 << i)
			to_memory(m, X, i);
	for (size_t i = 0; i < n; i++) {
		int err;

		m->at[i] = m->n;
		err = reached[i] ? make(m, &code[i], i) : 0;
		if (err == -ERANGE && code[i].k >= (uint32_t)SKF_AD_OFF)
			snprintf(
				why, BK_CBPF_WHY,
				"asks for what only a capture knows, such as the direction or the interface");
		else if (err == -ERANGE)
			snprintf(why, BK_CBPF_WHY,
				 "looks at byte %u of the frame, and only the first %u can be looked at",
				 code[i].k, reach(m));
		else if (err)
			snprintf(why, BK_CBPF_WHY, "has an instruction (0x%x) that is not known",
				 code[i].code);
		if (err)
			return err;
	}
	make_ends(m);
	return 0;
}

/* To where the jumps go. */
static void link_jumps(struct maker *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->to[i])
			m->out[i].off =
				(m->to[i] < 0 ? m->labels[-1 - m->to[i]] : m->at[m->to[i] - 1]) -
				i - 1;
}

static int finish(struct maker *m, struct bpf_insn *out, char why[BK_CBPF_WHY])
{
	int n = m->n + 1;

	if (n > BK_CBPF_ROOM) {
		snprintf(why, BK_CBPF_WHY,
			 "is too long: it takes %d instructions, and there is room for %d", n,
			 BK_CBPF_ROOM);
		return -E2BIG;
	}
	link_jumps(m);
	memcpy(out, m->out, m->n * sizeof(*out));
	m->out = out;
	skip_rest(m);
	return n;
}

int bk_cbpf_translate(const struct bk_cbpf_insn *code, size_t n, enum bk_cbpf_kind kind,
		      struct bpf_insn *out, char why[BK_CBPF_WHY])
{
	struct maker m = { .kind = kind };
	struct bpf_insn *made;
	bool *reached;
	int err;

	if (!n || n > MAX) {
		snprintf(why, BK_CBPF_WHY,
			 "is too long: it has %zu instructions of classic BPF, and %d can be handled",
			 n, MAX);
		return n ? -E2BIG : -EINVAL;
	}
	made = calloc(n * EACH + BK_CBPF_WORDS + ENDS, sizeof(*made));
	m.out = made;
	m.to = calloc(n * EACH + BK_CBPF_WORDS + ENDS, sizeof(*m.to));
	m.at = calloc(n, sizeof(*m.at));
	reached = calloc(n, sizeof(*reached));
	if (!made || !m.to || !m.at || !reached) {
		snprintf(why, BK_CBPF_WHY, "needs more memory than there is");
		err = -ENOMEM;
		goto out;
	}
	err = find_reached(code, n, reached);
	if (err == -EOPNOTSUPP)
		snprintf(why, BK_CBPF_WHY,
			 "needs a loop (protochain does), which programs here cannot have");
	else if (err)
		snprintf(why, BK_CBPF_WHY, "is no program that ends");
	else
		err = make_all(&m, code, n, reached, why);
	if (!err)
		err = finish(&m, out, why);
out:
	free(made);
	free(m.to);
	free(m.at);
	free(reached);
	return err;
}

/* ---- into the programs ---- */

bool bk_cbpf_has_len(const struct bpf_insn *filter)
{
	for (int i = 0; i < BK_CBPF_ROOM; i++)
		if (filter[i].code == (BPF_ALU | BPF_MOV | BPF_X) && filter[i].src_reg == LEN)
			return true;
	return false;
}

static bool is_mark(const struct bpf_insn *insn, enum bk_cbpf_kind kind)
{
	return insn->code == (BPF_ALU64 | BPF_MOV | BPF_K) &&
	       insn->imm == (kind == BK_CBPF_IN_PACKET ? BK_CBPF_PACKET_MARK : BK_CBPF_MARK);
}

/* The compiler may have made several of one row. */
int bk_cbpf_put_into(const struct bpf_insn *filter, enum bk_cbpf_kind kind, struct bpf_program *prog)
{
	size_t n = bpf_program__insn_cnt(prog), rows = 0;
	struct bpf_insn *insns;
	int err;

	insns = malloc(n * sizeof(*insns));
	if (!insns)
		return -ENOMEM;
	memcpy(insns, bpf_program__insns(prog), n * sizeof(*insns));
	for (size_t i = 0; i + BK_CBPF_ROOM <= n; i++)
		if (is_mark(&insns[i], kind)) {
			memcpy(&insns[i], filter, BK_CBPF_ROOM * sizeof(*insns));
			i += BK_CBPF_ROOM - 1;
			rows++;
		}
	err = rows ? bpf_program__set_insns(prog, insns, n) : -ENOENT;
	free(insns);
	return err;
}

int bk_cbpf_put(const struct bpf_insn *filter, enum bk_cbpf_kind kind, struct bpf_object *obj)
{
	struct bpf_program *prog;
	int err = 0;

	bpf_object__for_each_program(prog, obj)
		if (!err && bpf_program__autoload(prog))
			err = bk_cbpf_put_into(filter, kind, prog);
	return err;
}
