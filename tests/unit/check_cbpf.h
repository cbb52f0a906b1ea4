/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What lib/cbpf.c makes is run here as the kernel would run it, and compared with what the classic
 * instructions say. Used by the unit test, which compares those with libpcap's bpf_filter() too, and
 * by the fuzz target.
 */
#ifndef CHECK_CBPF_H
#define CHECK_CBPF_H

#include <linux/bpf.h>
#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cbpf.h"

/*
 * A frame as a program sees it, in a window or as it is. away: bytes at its end that cannot be read; no_mac: the first
 * 12 are not known, which is only so in a window.
 */
struct check_frame {
	const unsigned char *bytes;
	uint32_t len;
	bool no_mac;
	enum bk_cbpf_kind kind;
	uint32_t away;
};

enum { CHECK_FRAME_MAX = 512 }; /* bytes that can be there */

static inline uint32_t check_here(const struct check_frame *f)
{
	if (f->kind == BK_CBPF_IN_PACKET)
		return f->len - f->away;
	return f->len < BK_CBPF_WINDOW ? f->len : BK_CBPF_WINDOW;
}

/* ---- classic BPF, by its definition; what it cannot read is a verdict ---- */

static inline bool classic_read(const struct check_frame *f, uint64_t at, unsigned int size,
				uint32_t k, uint32_t *v, int *verdict)
{
	if (k < BK_CBPF_MACS && f->no_mac) {
		*verdict = BK_CBPF_UNDECIDED;
		return false;
	}
	if (at + size > check_here(f) ||
	    (f->kind == BK_CBPF_IN_PACKET && at - k > BK_CBPF_FARTHEST)) {
		*verdict = at + size > f->len ? BK_CBPF_NO : BK_CBPF_UNDECIDED;
		return false;
	}
	*v = 0;
	for (unsigned int i = 0; i < size; i++)
		*v = *v << 8 | f->bytes[at + i];
	return true;
}

static inline uint32_t classic_alu(uint8_t op, uint32_t a, uint32_t b)
{
	switch (op) {
	case BPF_ADD:
		return a + b;
	case BPF_SUB:
		return a - b;
	case BPF_MUL:
		return a * b;
	case BPF_DIV:
		return a / b;
	case BPF_MOD:
		return a % b;
	case BPF_AND:
		return a & b;
	case BPF_OR:
		return a | b;
	case BPF_XOR:
		return a ^ b;
	case BPF_LSH:
		return b < 32 ? a << b : 0;
	case BPF_RSH:
		return b < 32 ? a >> b : 0;
	default:
		return -a;
	}
}

/* Of instructions that bk_cbpf_translate() takes. */
static inline int check_classic(const struct bk_cbpf_insn *code, const struct check_frame *f)
{
	uint32_t a = 0, x = 0, mem[BK_CBPF_WORDS] = { 0 }, v;
	int verdict;

	for (size_t i = 0;; i++) {
		const struct bk_cbpf_insn *c = &code[i];
		unsigned int size = BPF_SIZE(c->code) == BPF_W ? 4 :
				    BPF_SIZE(c->code) == BPF_H ? 2 :
								 1;
		uint8_t mode = BPF_MODE(c->code), op = BPF_OP(c->code);
		uint32_t *to = BPF_CLASS(c->code) == BPF_LD ? &a : &x,
			 b = BPF_SRC(c->code) == BPF_X ? x : c->k;
		bool yes;

		switch (BPF_CLASS(c->code)) {
		case BPF_LD:
		case BPF_LDX:
			if (mode == BPF_IMM) {
				*to = c->k;
			} else if (mode == BPF_LEN) {
				*to = f->len;
			} else if (mode == BPF_MEM) {
				*to = mem[c->k];
			} else {
				if (!classic_read(f, c->k + (mode == BPF_IND ? (uint64_t)x : 0),
						  size, c->k, &v, &verdict))
					return verdict;
				*to = mode == BPF_MSH ? (v & 15) * 4 : v;
			}
			break;
		case BPF_ST:
			mem[c->k] = a;
			break;
		case BPF_STX:
			mem[c->k] = x;
			break;
		case BPF_ALU:
			if ((op == BPF_DIV || op == BPF_MOD) && !b)
				return BK_CBPF_NO;
			a = classic_alu(op, a, b);
			break;
		case BPF_JMP:
			yes = op == BPF_JEQ ? a == b :
			      op == BPF_JGT ? a > b :
			      op == BPF_JGE ? a >= b :
					      !!(a & b);
			i += op == BPF_JA ? c->k : yes ? c->jt : c->jf;
			break;
		case BPF_RET:
			return (BPF_RVAL(c->code) == BPF_A ? a : c->k) ? BK_CBPF_YES : BK_CBPF_NO;
		default:
			if (c->code == (BPF_MISC | BPF_TAX))
				x = a;
			else
				a = x;
		}
	}
}

/* ---- the part of eBPF that filters are made of ---- */

struct machine {
	uint64_t r[8];
	unsigned char frame[CHECK_FRAME_MAX];
	uint64_t mem_at; /* address of the memory */
	uint32_t mem[BK_CBPF_WORDS];
};

/* Where a frame starts: addresses are far away from small numbers, and pointers in a packet are no 32-bit numbers. */
#define MACHINE_AT 0x7fff00000000ull

/* No more of the frame than is there, or the memory. */
static inline unsigned char *machine_at(struct machine *m, uint64_t addr, unsigned int size,
					uint32_t here)
{
	if (addr - MACHINE_AT < here && addr - MACHINE_AT + size <= here)
		return m->frame + (addr - MACHINE_AT);
	if (addr - m->mem_at < sizeof(m->mem) && addr - m->mem_at + size <= sizeof(m->mem))
		return (unsigned char *)m->mem + (addr - m->mem_at);
	return NULL;
}

static inline bool machine_compare(uint8_t op, uint64_t a, uint64_t b)
{
	switch (op) {
	case BPF_JEQ:
		return a == b;
	case BPF_JNE:
		return a != b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	case BPF_JLT:
		return a < b;
	case BPF_JLE:
		return a <= b;
	default:
		return a & b;
	}
}

/* Runs the row; returns what is wrong with it, or NULL. */
static inline const char *machine_run(struct machine *m, const struct bpf_insn *row, uint32_t here)
{
	size_t i = 0;

	while (i < BK_CBPF_ROOM) {
		const struct bpf_insn *n = &row[i++];
		uint8_t class = BPF_CLASS(n->code), op = BPF_OP(n->code);
		bool wide = class == BPF_ALU64 || class == BPF_JMP,
		     by_x = BPF_SRC(n->code) == BPF_X;
		uint64_t *d = &m->r[n->dst_reg], s, a;
		unsigned int size = BPF_SIZE(n->code) == BPF_W ? 4 :
				    BPF_SIZE(n->code) == BPF_H ? 2 :
								 1;
		unsigned char *p;

		if (n->dst_reg >= 8 || n->src_reg >= 8)
			return "a register that is not its own";
		s = by_x ? m->r[n->src_reg] : wide ? (uint64_t)(int64_t)n->imm : (uint32_t)n->imm;
		a = wide ? *d : (uint32_t)*d;
		s = wide ? s : (uint32_t)s;
		switch (class) {
		case BPF_ALU:
		case BPF_ALU64:
			if (op == BPF_END) {
				if (n->code != (BPF_ALU | BPF_END | BPF_TO_BE) ||
				    (n->imm != 16 && n->imm != 32))
					return "an order of bytes that is not known here";
				*d = n->imm == 16 ? __builtin_bswap16(a) : __builtin_bswap32(a);
				break;
			}
			if (op == BPF_MOV)
				a = s;
			else if (wide && op == BPF_ADD)
				a += s;
			else if (wide && op == BPF_SUB && a >= MACHINE_AT && s >= MACHINE_AT)
				a -= s;
			else if (wide)
				return "64 bits";
			else if (!s && (op == BPF_DIV || op == BPF_MOD))
				return "a division by zero";
			else if (s > 31 && (op == BPF_LSH || op == BPF_RSH))
				return "a shift by too much";
			else
				a = classic_alu(op, a, s);
			*d = wide ? a : (uint32_t)a;
			break;
		case BPF_JMP:
		case BPF_JMP32:
			if (n->off < 0 || i + n->off > BK_CBPF_ROOM)
				return "a jump out of the row or back";
			if (op == BPF_JA || machine_compare(op, a, s))
				i += n->off;
			break;
		case BPF_LDX:
			p = machine_at(m, m->r[n->src_reg] + n->off, size, here);
			if (!p)
				return "reads what is not there";
			*d = size == 4 ? *(uint32_t *)memcpy(&(uint32_t){ 0 }, p, 4) :
			     size == 2 ? *(uint16_t *)memcpy(&(uint16_t){ 0 }, p, 2) :
					 *p;
			break;
		case BPF_STX:
			p = machine_at(m, m->r[n->dst_reg] + n->off, size, 0);
			if (!p || size != 4)
				return "writes where it must not";
			memcpy(p, &(uint32_t){ m->r[n->src_reg] }, 4);
			break;
		default:
			return "an instruction that is not known here";
		}
	}
	return m->r[0] > BK_CBPF_UNDECIDED ? "no verdict" : NULL;
}

/* The verdict of a row. Negative: *why says what it did wrong. */
static inline int check_run(const struct bpf_insn *row, const struct check_frame *f,
			    const char **why)
{
	struct machine m;

	/* what nobody set before is anything */
	memset(&m, 0xa5, sizeof(m));
	memcpy(m.frame, f->bytes, check_here(f));
	m.r[BPF_REG_1] = MACHINE_AT;
	m.r[BPF_REG_2] = f->len;
	if (f->kind == BK_CBPF_IN_PACKET) {
		m.r[BPF_REG_3] = MACHINE_AT + check_here(f);
		m.r[BPF_REG_4] = m.mem_at = MACHINE_AT / 2;
	} else {
		m.r[BPF_REG_3] = check_here(f);
		m.r[BPF_REG_4] = f->no_mac;
		m.mem_at = MACHINE_AT + BK_CBPF_MEM;
	}
	*why = machine_run(&m, row, check_here(f));
	if (*why)
		return -1;
	/* as programs do it */
	if (f->kind == BK_CBPF_IN_PACKET && m.r[0] == BK_CBPF_UNDECIDED && m.r[6] > f->len)
		return BK_CBPF_NO;
	return (int)m.r[0];
}

/* What the kernel wants of each program, whichever way it goes: everything can be reached. */
static inline const char *check_row(const struct bpf_insn *row)
{
	bool reached[BK_CBPF_ROOM + 1] = { true };

	for (size_t i = 0; i < BK_CBPF_ROOM; i++) {
		uint8_t class = BPF_CLASS(row[i].code);
		bool jumps = class == BPF_JMP || class == BPF_JMP32;

		if (!reached[i])
			return "an instruction that cannot be reached";
		if (jumps && (row[i].off < 0 || i + 1 + row[i].off > BK_CBPF_ROOM))
			return "a jump out of the row or back";
		if (jumps)
			reached[i + 1 + row[i].off] = true;
		if (!jumps || BPF_OP(row[i].code) != BPF_JA)
			reached[i + 1] = true;
	}
	return reached[BK_CBPF_ROOM] ? NULL : "no way out";
}

#endif
